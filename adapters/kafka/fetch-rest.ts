/**
 * The time between an answer with records and the next fetch: what comes meanwhile shares that one. A fetch costs its reader the same whatever it brings (a
 * request, an answer, a turn of the event loop), some hundred microseconds; and what one turn has for many sockets is written in one go.
 */
import type { Clock } from '../../core/ports/clock.ts';

/** Timers know whole milliseconds. */
const MIN_REST_MS = 1;
/** An answer with so much of what it may have was cut: more waits already, and whoever is behind does not rest. */
const CUT_SHARE = 0.5;

export class FetchRest {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #restMs: () => number;
  readonly #maxBytes: number;
  /** On the monotonic clock. */
  #answeredAtMs = Number.NEGATIVE_INFINITY;

  /** @param restMs see `TailOptions.restMs` @param maxBytes of an answer */
  constructor(clock: Pick<Clock, 'monotonic'>, restMs: () => number, maxBytes: number) {
    this.#clock = clock;
    this.#restMs = restMs;
    this.#maxBytes = maxBytes;
  }

  /** @param bytes of records in an answer */
  answered(bytes: number): void {
    const isRest = bytes > 0 && bytes < this.#maxBytes * CUT_SHARE;
    this.#answeredAtMs = isRest ? this.#clock.monotonic() : Number.NEGATIVE_INFINITY;
  }

  /** Resolves when the next fetch may be made; null where that is now. */
  over(): Promise<void> | null {
    const restMs = this.#answeredAtMs + this.#restMs() - this.#clock.monotonic();
    return restMs < MIN_REST_MS ? null : new Promise((resolve) => setTimeout(resolve, restMs));
  }
}
