/**
 * Each room's head: seq and offset of its last event. Names are kept whole, not as hashes: two rooms that share a hash
 * would share seqs, and replay lists rooms from here. Numbers lie in one typed array, so a room costs its name, a map
 * entry and 16 bytes (measured: bench/core-fold.ts).
 */
import { RoomlogError } from '../errors.ts';
import type { Offset, RoomId, Seq } from '../ids.ts';

/** Rooms that one partition may have. The sequencer refuses the first event of one more (`too_many_rooms`). */
export const MAX_ROOMS_PER_PARTITION = 8_000_000;

export interface RoomHead {
  readonly seq: Seq;
  readonly offset: Offset;
}

export class RoomHeads {
  readonly limit: number;
  readonly #index = new Map<RoomId, number>();
  /** Pairs: seq, offset. */
  #numbers = new Float64Array(256);

  constructor(limit: number = MAX_ROOMS_PER_PARTITION) {
    this.limit = limit;
  }

  get size(): number {
    return this.#index.size;
  }

  get(room: RoomId): RoomHead | undefined {
    const at = this.#index.get(room);
    if (at === undefined) return undefined;
    return { seq: this.#numbers[at] as Seq, offset: this.#numbers[at + 1] as Offset };
  }

  /** The head's seq without an object; 0 for a room without events. */
  seqOf(room: RoomId): Seq {
    const at = this.#index.get(room);
    return (at === undefined ? 0 : this.#numbers[at]) as Seq;
  }

  has(room: RoomId): boolean {
    return this.#index.has(room);
  }

  /** Throws `fold_halted` for one room more than `limit`. */
  set(room: RoomId, seq: Seq, offset: Offset): void {
    let at = this.#index.get(room);
    if (at === undefined) {
      at = this.#index.size * 2;
      if (this.#index.size >= this.limit) {
        throw new RoomlogError('fold_halted', `The partition has more than ${this.limit} rooms.`);
      }
      if (at === this.#numbers.length) this.#grow();
      this.#index.set(room, at);
    }
    this.#numbers[at] = seq;
    this.#numbers[at + 1] = offset;
  }

  /** In the order in which rooms were first seen. */
  *entries(): IterableIterator<[RoomId, RoomHead]> {
    for (const [room, at] of this.#index) {
      yield [room, { seq: this.#numbers[at] as Seq, offset: this.#numbers[at + 1] as Offset }];
    }
  }

  /**
   * The rooms and numbers as they are now, in the order of `entries`, to be walked at leisure while more is folded: names are
   * never taken out, so only the numbers are copied.
   */
  capture(): IterableIterator<[RoomId, Seq, Offset]> {
    const count = this.#index.size;
    return walk(this.#index.keys(), count, this.#numbers.slice(0, count * 2));
  }

  #grow(): void {
    const larger = new Float64Array(this.#numbers.length * 2);
    larger.set(this.#numbers);
    this.#numbers = larger;
  }
}

function* walk(names: Iterator<RoomId>, count: number, numbers: Float64Array): IterableIterator<[RoomId, Seq, Offset]> {
  for (let at = 0; at < count * 2; at += 2) {
    yield [names.next().value as RoomId, numbers[at] as Seq, numbers[at + 1] as Offset];
  }
}
