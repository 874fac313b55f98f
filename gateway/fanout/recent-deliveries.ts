/**
 * After a network cut many members come back with the same position: what was built for the first of them serves the others.
 * Holds the last few deliveries only, since those members come together or not at all.
 */
import type { StoredEvent } from '../stream.ts';
import { Delivery } from './delivery.ts';

/** Each is about as large as what is written at once (64 KiB) in its events, and as much again in each form built. */
const MAX_DELIVERIES = 64;

export class RecentDeliveries {
  /** By first event: its object, so nothing that was read anew is mistaken for what was read before. */
  readonly #recent = new Map<StoredEvent, Delivery>();

  /** As `new Delivery(events, logTime)`. */
  of(events: readonly StoredEvent[], logTime: number): Delivery {
    const [first] = events;
    const known = first === undefined ? undefined : this.#recent.get(first);
    if (known !== undefined && known.last === events.at(-1)) return known;
    const delivery = new Delivery(events, logTime);
    // What becomes of an event that can expire depends on when it is asked.
    if (events.some(({ expiresAt }) => expiresAt !== null)) return delivery;
    this.#recent.set(events[0] as StoredEvent, delivery);
    if (this.#recent.size > MAX_DELIVERIES) {
      const [oldest] = this.#recent.keys();
      this.#recent.delete(oldest as StoredEvent);
    }
    return delivery;
  }
}
