/** The ids of one connection that still wait for their answer. */
import { RoomlogError } from '../../core/errors.ts';

/** Commands of one connection that may wait for their answer. */
export const MAX_IN_FLIGHT = 4_096;
/** What `retryAfter` says where there are more. */
const RETRY_AFTER_MS = 1_000;

export class InFlight {
  /** Oldest first. Few, and the oldest goes first, mostly; the tables of a Set that fills and empties would be garbage that holds on to the next. */
  readonly #ids: number[] = [];
  #onIdle: (() => void) | null = null;

  get size(): number {
    return this.#ids.length;
  }

  has(id: number): boolean {
    return this.#ids.includes(id);
  }

  /** Throws `bad_frame` where the id is in flight already, `rate_limited`. */
  begin(id: number): void {
    if (this.#ids.includes(id)) {
      throw new RoomlogError('bad_frame', 'id is already in flight.', { details: { path: 'id' } });
    }
    if (this.#ids.length >= MAX_IN_FLIGHT) {
      const details = { retryAfter: RETRY_AFTER_MS };
      throw new RoomlogError('rate_limited', 'Too many commands wait for their answer.', { details });
    }
    this.#ids.push(id);
  }

  end(id: number): void {
    const at = this.#ids.indexOf(id);
    if (at === 0) this.#ids.shift();
    else if (at > 0) this.#ids.splice(at, 1);
    if (this.#ids.length === 0) this.release();
  }

  /** Resolves when nothing waits any more, or `ms` have passed, or at `release`. */
  idle(ms: number): Promise<void> {
    if (this.#ids.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nobody needs an answer any more. */
  release(): void {
    this.#onIdle?.();
    this.#onIdle = null;
  }
}
