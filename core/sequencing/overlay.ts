/**
 * Decisions that were made but not yet read back. The sequencer decides up to two batches ahead of its own fold; what it
 * decided lies here, over the fold's state, keyed by inbound offset, until the fold has passed it.
 */
import { RoomlogError } from '../errors.ts';
import type { Offset, RoomId, Seq } from '../ids.ts';
import { Queue } from '../limits/queue.ts';
import type { Digest } from '../log/digest.ts';
import type { Remembered, RememberedKey } from './publisher.ts';

/** Two batches of 256 KB hold some 5,000 records; more in flight is a sequencer that lost count. */
export const MAX_IN_FLIGHT_DECISIONS = 65_536;

/** One decision: flat, since one is made for every record. `room`, `publisher` and `key` are null where it takes no seq, no number, no key. */
export interface InFlight {
  readonly inbound: Offset;
  /** Log time as of this decision, ms. */
  readonly logTime: number;
  readonly room: RoomId | null;
  /** Of an event. */
  readonly seq: Seq;
  readonly digest: Digest | null;
  /** `publisherKey`. */
  readonly publisher: string | null;
  /** That publisher's number. */
  readonly pub: number;
  /** `idempotencyKey`. */
  readonly key: string | null;
}

/** With its place among the decisions of the same publisher: its numbers in flight have no holes. */
interface Linked extends InFlight {
  earlier: Linked | null;
  later: Linked | null;
}

export class Overlay {
  readonly #queue: Queue<Linked>;
  readonly #rooms = new Map<RoomId, InFlight>();
  /** The newest of each. */
  readonly #publishers = new Map<string, Linked>();
  readonly #keys = new Map<string, RememberedKey & { readonly inbound: Offset }>();

  constructor(limit: number = MAX_IN_FLIGHT_DECISIONS) {
    this.#queue = new Queue(limit);
  }

  get size(): number {
    return this.#queue.size;
  }

  /** Inbound offset of the newest decision; null when nothing is in flight. */
  get lastInbound(): Offset | null {
    return this.#queue.last()?.inbound ?? null;
  }

  /** Log time as of the newest decision; 0 when nothing is in flight. */
  get logTime(): number {
    return this.#queue.last()?.logTime ?? 0;
  }

  seqOf(room: RoomId): Seq | undefined {
    return this.#rooms.get(room)?.seq;
  }

  rooms(): IterableIterator<RoomId> {
    return this.#rooms.keys();
  }

  get roomCount(): number {
    return this.#rooms.size;
  }

  /** The newest number in flight of a publisher. */
  lastPub(name: string): number | undefined {
    return this.#publishers.get(name)?.pub;
  }

  findPub(name: string, pub: number): Remembered | undefined {
    let found = this.#publishers.get(name) ?? null;
    while (found !== null && found.pub > pub) found = found.earlier;
    if (found?.pub !== pub || found.digest === null) return undefined;
    return { seq: found.seq, offset: null, digest: found.digest };
  }

  findKey(name: string): RememberedKey | undefined {
    return this.#keys.get(name);
  }

  /** Throws `fold_halted` past the limit. */
  push(decision: InFlight): void {
    const { room, seq, digest, publisher, pub, key, inbound, logTime } = decision;
    const earlier = publisher === null ? null : (this.#publishers.get(publisher) ?? null);
    const linked: Linked = { inbound, logTime, room, seq, digest, publisher, pub, key, earlier, later: null };
    if (!this.#queue.push(linked)) {
      throw new RoomlogError('fold_halted', `More than ${this.#queue.limit} decisions are in flight.`);
    }
    if (room === null) return;
    // The decision itself says which seq the room is at.
    this.#rooms.set(room, linked);
    if (publisher !== null) this.#publishers.set(publisher, linked);
    if (earlier !== null) earlier.later = linked;
    if (key !== null && digest !== null) this.#keys.set(key, { seq, offset: null, digest, time: logTime, inbound });
  }

  /** Drops what the fold has passed. */
  prune(lastInbound: Offset): void {
    for (let oldest = this.#queue.peek(); oldest !== undefined && oldest.inbound <= lastInbound; ) {
      this.#queue.shift();
      this.#drop(oldest);
      oldest = this.#queue.peek();
    }
  }

  /** Discards everything: what is in flight may or may not be in the log. */
  reset(): void {
    this.#queue.clear();
    this.#rooms.clear();
    this.#publishers.clear();
    this.#keys.clear();
  }

  #drop(decision: Linked): void {
    const { room, publisher, key, inbound, later } = decision;
    if (room === null) return;
    // A later decision of the same room or key has put itself in this one's place.
    if (this.#rooms.get(room) === decision) this.#rooms.delete(room);
    if (key !== null && this.#keys.get(key)?.inbound === inbound) this.#keys.delete(key);
    // A dead decision that V8 has moved to its old generation would hold all that came after it.
    decision.later = null;
    if (later !== null) later.earlier = null;
    else if (publisher !== null) this.#publishers.delete(publisher);
  }
}
