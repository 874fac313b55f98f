/**
 * Keeps the event loop breathing: long work asks `due()` before every item and awaits `turn()` when told to. One pace is
 * shared by all partitions of a process, since they share one loop.
 */

/** Work of one turn of the loop before it yields, ms. Heartbeats and answers wait at most this plus one item, or a few small ones. */
export const SLICE_MS = 12;
/** Work on so many bytes is done between two looks at the clock: one look takes as long as a tenth of the work on a small record. */
const LOOK_EVERY_BYTES = 4_096;
/** What a record counts beside its bytes. */
const RECORD_BYTES = 256;

export class Pace {
  readonly #sliceMs: number;
  #startedAt = 0;
  #started = false;
  #unlookedBytes = 0;

  constructor(sliceMs: number = SLICE_MS) {
    this.#sliceMs = sliceMs;
  }

  /** Whether this turn of the loop has worked for its slice, before work on so many bytes. */
  due(bytes: number): boolean {
    this.#unlookedBytes += bytes + RECORD_BYTES;
    if (this.#started && this.#unlookedBytes < LOOK_EVERY_BYTES) return false;
    this.#unlookedBytes = 0;
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
