/** One publisher: a session in one room, and what its last publishes were. */
import type { Offset, Seq } from '../ids.ts';
import type { Digest } from '../log/digest.ts';
import { PUBLISHER_WINDOW } from '../log/record.ts';

/** An accepted publish, as it is remembered. */
export interface Remembered {
  readonly seq: Seq;
  /** null while the outbound record has not been read back. */
  readonly offset: Offset | null;
  readonly digest: Digest;
}

export interface RememberedKey extends Remembered {
  /** Log time of its acceptance, ms. */
  readonly time: number;
}

/** A publisher as a snapshot has it. */
export interface PublisherState {
  readonly last: number;
  /** Four numbers per publish (seq, offset, digest's halves), publish n at ((n - 1) % 32); NaN as seq: a number that the log never had. */
  readonly window: readonly number[];
}

/** Numbers per publish in `Publisher.#window`: seq, offset, digest's halves. */
const STRIDE = 4;
/** One session in one room: the last number, and a ring of the last 32 publishes, 32 bytes each, grown as needed. */
export class Publisher {
  last = 0;
  #window: number[] = [];

  static from({ last, window }: PublisherState): Publisher {
    const publisher = new Publisher();
    publisher.last = last;
    publisher.#window = window.slice();
    return publisher;
  }

  /** What it holds, without a copy: to be used before the next `accept`. */
  get state(): PublisherState {
    return { last: this.last, window: this.#window };
  }

  /** The publish with this number; null where it is not among the last 32. */
  find(pub: number): Remembered | null {
    if (pub > this.last || pub <= this.last - PUBLISHER_WINDOW || pub < 1) return null;
    const at = ((pub - 1) % PUBLISHER_WINDOW) * STRIDE;
    const seq = this.#window[at];
    // NaN: a number that the log never had, see `accept`.
    if (seq === undefined || Number.isNaN(seq)) return null;
    return {
      seq: seq as Seq,
      offset: this.#window[at + 1] as Offset,
      digest: { hi: this.#window[at + 2] as number, lo: this.#window[at + 3] as number },
    };
  }

  /**
   * The log is the truth even where another version of the decision wrote it: a number that jumps ahead leaves what it jumped over
   * unknown; one that was there before changes nothing.
   */
  accept(pub: number, seq: number, offset: number, digest: Digest): void {
    if (pub <= this.last) return;
    for (let skipped = Math.max(this.last + 1, pub - PUBLISHER_WINDOW + 1); skipped < pub; skipped++) {
      this.#put(skipped, Number.NaN, Number.NaN, 0, 0);
    }
    this.#put(pub, seq, offset, digest.hi, digest.lo);
    this.last = pub;
  }

  #put(pub: number, seq: number, offset: number, hi: number, lo: number): void {
    const at = ((pub - 1) % PUBLISHER_WINDOW) * STRIDE;
    if (at === 0 && this.#window.length === 0) {
      // Most sessions publish once or twice in a room: an array made by pushing would hold four times as much.
      this.#window = [seq, offset, hi, lo];
      return;
    }
    const window = this.#window;
    while (window.length < at) window.push(Number.NaN, Number.NaN, 0, 0);
    if (at === window.length) {
      window.push(seq, offset, hi, lo);
      // Full: it won't grow again, so the room left for growth is given back.
      if (window.length === PUBLISHER_WINDOW * STRIDE) this.#window = window.slice();
      return;
    }
    window[at] = seq;
    window[at + 1] = offset;
    window[at + 2] = hi;
    window[at + 3] = lo;
  }
}
