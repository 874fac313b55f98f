/**
 * What walks back found, shared by all who are behind in a room: concurrent walks of one room are one, and the runs of events that
 * they found are kept, those of the rooms that were wanted last.
 */
import type { Partition, RoomId } from '../../core/ids.ts';
import type { LogEvent } from './log-event.ts';
import type { PartitionHistory } from './partition-history.ts';
import type { Ranges } from './ranges.ts';
import { Slots } from './slots.ts';
import { isDense, reaches, type WalkOutcome, type Wanted, walkBack } from './walk-back.ts';

/** Bytes of events kept, about. */
const KEPT_BYTES = 16_777_216;
/** Walks that run at the same time; each holds a run of events. */
const MAX_CONCURRENT_WALKS = 16;

/** Consecutive events of a room, oldest first, never empty. */
interface Run {
  readonly events: readonly LogEvent[];
  readonly bytes: number;
}

export interface WalksOptions {
  readonly ranges: Ranges;
  onWalked(outcome: WalkOutcome): void;
}

export class Walks {
  readonly #options: WalksOptions;
  readonly #slots = new Slots(MAX_CONCURRENT_WALKS);
  /** In the order of their last use. */
  readonly #runs = new Map<RoomId, Run>();
  readonly #walking = new Map<RoomId, Promise<WalkOutcome>>();
  #bytes = 0;
  /** How often something was forgotten: what was begun before that is not kept. */
  #forgotten = 0;

  constructor(options: WalksOptions) {
    this.#options = options;
  }

  /** The events after `seq` that were found, cut after `maxBytes` (at least one); null where that is none. */
  after(room: RoomId, seq: number, maxBytes: number): LogEvent[] | null {
    const events = this.#runs.get(room)?.events ?? [];
    const first = events[0]?.seq ?? Number.POSITIVE_INFINITY;
    if (seq + 1 < first || seq + 1 >= first + events.length) return null;
    const portion: LogEvent[] = [];
    let bytes = 0;
    for (let at = seq + 1 - first; at < events.length && bytes < maxBytes; at += 1) {
      const event = events[at] as LogEvent;
      portion.push(event);
      bytes += event.bytes;
    }
    return portion;
  }

  /** The seq before the first wanted event; null where what was found does not tell. */
  before(view: PartitionHistory, room: RoomId, wanted: Wanted): number | null {
    const { events } = this.#runs.get(room) ?? { events: [] };
    const [first] = events;
    const last = events.at(-1);
    if (first === undefined || last === undefined || !reaches(wanted, first)) return null;
    const isWanted = ({ seq, time }: LogEvent): boolean => seq > wanted.throughSeq && time >= wanted.beforeTime;
    const start = events.find(isWanted);
    if (start !== undefined) return start.seq - 1;
    if (view.head(room)?.seq === last.seq) return last.seq;
    const held = view.ring.first(room);
    return held !== undefined && held.seq === last.seq + 1 && isWanted(held) ? last.seq : null;
  }

  /**
   * True once what is wanted was found, so that `after` and `before` know it; false where it has to be looked for by reading everything.
   * Throws what reading the log throws.
   */
  async find(view: PartitionHistory, room: RoomId, wanted: Wanted): Promise<boolean> {
    const { ranges, onWalked } = this.#options;
    for (;;) {
      if (this.before(view, room, wanted) !== null) return true;
      if (isDense({ view, ranges, room }, wanted)) {
        onWalked('dense');
        return false;
      }
      const underWay = this.#walking.get(room);
      if (underWay === undefined) break;
      if ((await underWay) !== 'found') return false;
    }
    const walking = this.#slots.run(() => this.#walk(view, room, wanted));
    this.#walking.set(room, walking);
    const over = (): boolean => this.#walking.delete(room);
    walking.then(over, over);
    return (await walking) === 'found';
  }

  /** What was found in a partition is not believed any more. */
  forget(partition: Partition): void {
    this.#forgotten += 1;
    for (const [room, { events }] of this.#runs) if (events[0]?.partition === partition) this.#drop(room);
  }

  async #walk(view: PartitionHistory, room: RoomId, wanted: Wanted): Promise<WalkOutcome> {
    const { ranges, onWalked } = this.#options;
    const known = this.#runs.get(room)?.events ?? [];
    const forgotten = this.#forgotten;
    const { outcome, events } = await walkBack({ view, ranges, room, known }, wanted);
    onWalked(outcome);
    // Proven, whatever came of it.
    if (events.length > 0 && forgotten === this.#forgotten) this.#keep(room, events);
    return outcome;
  }

  #keep(room: RoomId, events: readonly LogEvent[]): void {
    this.#drop(room);
    const bytes = events.reduce((sum, event) => sum + event.bytes, 0);
    this.#runs.set(room, { events, bytes });
    this.#bytes += bytes;
    for (const [oldest] of this.#runs) {
      if (this.#bytes <= KEPT_BYTES) break;
      this.#drop(oldest);
    }
  }

  #drop(room: RoomId): void {
    this.#bytes -= this.#runs.get(room)?.bytes ?? 0;
    this.#runs.delete(room);
  }
}
