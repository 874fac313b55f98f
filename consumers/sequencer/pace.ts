/**
 * Keeps the event loop breathing: long work asks `due()` after every item and awaits `turn()` when told to. One pace is
 * shared by all partitions of a process, since they share one loop.
 */

/** Work of one turn of the loop before it yields, ms. Heartbeats and answers wait at most this plus one item. */
export const SLICE_MS = 12;

export class Pace {
  readonly #sliceMs: number;
  #startedAt = 0;
  #started = false;

  constructor(sliceMs: number = SLICE_MS) {
    this.#sliceMs = sliceMs;
  }

  /** Whether this turn of the loop has worked for its slice. */
  due(): boolean {
    const now = performance.now();
    if (!this.#started) {
      this.#started = true;
      this.#startedAt = now;
      setImmediate(() => {
        this.#started = false;
      });
      return false;
    }
    return now - this.#startedAt > this.#sliceMs;
  }

  /** Resolves in a later turn, after sockets and timers had theirs. */
  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }
}
