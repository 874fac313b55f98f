/**
 * Keeps work away from what does not answer, and lets one piece of it at a time find out whether it does again:
 *
 *     closed ──no success for too long, or too many failures in a row, or trip──▶ open
 *       ▲                                                                        │ a pause, or `mayBeBack`
 *       └────────── success ─────────── half-open ◀──────────────────────────────┘
 *                                           └──── failure ──▶ open, for twice as long
 *
 * It judges, and does nothing by itself: no timer, no IO. Nothing that was begun is called off when it opens, and an outcome that is
 * unknown stays so: whoever asked knows what became of it, not this.
 */
export type CircuitState = 'closed' | 'open' | 'half-open';

export interface CircuitBreakerOptions {
  /** A clock that never goes back, ms. */
  readonly now: () => number;
  /** Failures in a row that open it; Infinity: time alone counts. */
  readonly maxFailures: number;
  /** Trying for this long without a success opens it, whether or not a try has failed yet, ms; Infinity: failures alone count. */
  readonly maxTryingMs: number;
  /** From opening to the first probe, ms; doubled by every probe that fails, up to `maxPauseMs`. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** Told each time that it opens, once for a whole time of failed probes. */
  readonly onOpened?: () => void;
}

export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions;
  /** When the first try was begun that no success has followed. */
  #tryingSinceMs: number | null = null;
  #failures = 0;
  /** When it opened, or the last probe failed; null while closed. */
  #openedAtMs: number | null = null;
  #pauseMs: number;
  /** When the probe under way was let through. */
  #probedAtMs: number | null = null;

  constructor(options: CircuitBreakerOptions) {
    this.#options = options;
    this.#pauseMs = options.pauseMs;
  }

  get state(): CircuitState {
    const { now, maxTryingMs } = this.#options;
    if (this.#openedAtMs === null && this.#tryingSinceMs !== null && now() - this.#tryingSinceMs > maxTryingMs) {
      this.#open(this.#tryingSinceMs + maxTryingMs);
    }
    if (this.#openedAtMs === null) return 'closed';
    return now() - this.#openedAtMs < this.#pauseMs ? 'open' : 'half-open';
  }

  /** Whether work may be begun. True in half-open makes it the probe: the next one only if nothing is heard of this for a pause. */
  admit(): boolean {
    const { state } = this;
    if (state !== 'half-open') return state === 'closed';
    const now = this.#options.now();
    if (this.#probedAtMs !== null && now - this.#probedAtMs < this.#pauseMs) return false;
    this.#probedAtMs = now;
    return true;
  }

  /** A try has begun. Several may be under way. */
  tried(): void {
    this.#tryingSinceMs ??= this.#options.now();
  }

  succeeded(): void {
    this.#tryingSinceMs = null;
    this.#failures = 0;
    this.#openedAtMs = null;
    this.#probedAtMs = null;
    this.#pauseMs = this.#options.pauseMs;
  }

  failed(): void {
    const { now, maxFailures, maxPauseMs } = this.#options;
    this.#failures += 1;
    const { state } = this;
    if (state === 'closed') {
      if (this.#failures >= maxFailures) this.#open(now());
      return;
    }
    if (state === 'half-open') this.#pauseMs = Math.min(this.#pauseMs * 2, maxPauseMs);
    this.#openedAtMs = now();
    this.#probedAtMs = null;
  }

  /** It is known to be away: opens at once. */
  trip(): void {
    if (this.state === 'closed') this.#open(this.#options.now());
  }

  /** A sign that it may be back: the next one asked is the probe. */
  mayBeBack(): void {
    if (this.state !== 'open') return;
    this.#openedAtMs = Number.NEGATIVE_INFINITY;
    this.#probedAtMs = null;
  }

  #open(atMs: number): void {
    this.#openedAtMs = atMs;
    this.#probedAtMs = null;
    this.#options.onOpened?.();
  }
}
