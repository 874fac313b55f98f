/**
 * After a network cut many members come back with the same position: what was built for the first of them serves the others. They come in no order of
 * rooms, so it pays only while it holds what all rooms' members are behind: with less, each would find that its own was let go for others'.
 */
import type { StoredEvent } from '../stream.ts';
import { Delivery } from './delivery.ts';

/** What a frame holds beyond an event's data, about. */
const FRAME_BYTES = 250;

export class RecentDeliveries {
  readonly #limitBytes: number;
  /** By first event: its object, so nothing that was read anew is mistaken for what was read before. */
  readonly #recent = new Map<StoredEvent, Delivery>();
  #bytes = 0;

  /** @param limitBytes kept, about; the events' frames are counted, in one of their forms. */
  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** As `new Delivery(events, timeMs)`. */
  of(events: readonly StoredEvent[], timeMs: number): Delivery {
    const [first] = events;
    const known = first === undefined ? undefined : this.#recent.get(first);
    if (known !== undefined && known.last === events.at(-1)) return known;
    const delivery = new Delivery(events, timeMs);
    // What becomes of an event that can expire depends on when it is asked.
    if (events.every(({ expiresAt }) => expiresAt === null)) this.#keep(delivery);
    return delivery;
  }

  #keep(delivery: Delivery): void {
    const key = delivery.events[0] as StoredEvent;
    const replaced = this.#recent.get(key);
    if (replaced !== undefined) this.#drop(key, replaced);
    this.#recent.set(key, delivery);
    this.#bytes += weigh(delivery);
    for (const [oldest, { events }] of this.#recent) {
      if (this.#bytes <= this.#limitBytes) break;
      this.#drop(oldest, { events });
    }
  }

  #drop(key: StoredEvent, delivery: Pick<Delivery, 'events'>): void {
    this.#recent.delete(key);
    this.#bytes -= weigh(delivery);
  }
}

function weigh({ events }: Pick<Delivery, 'events'>): number {
  return events.reduce((bytes, { data }) => bytes + data.byteLength + FRAME_BYTES, 0);
}
