/** A rate limit that allows bursts. It fills by the clock, so an idle bucket costs nothing. */
export interface TokenBucketOptions {
  /** Tokens that come back per second. */
  readonly perSecond: number;
  /** Tokens that can be taken at once. */
  readonly burst: number;
  /** A clock that never goes back, ms. */
  readonly now: () => number;
}

export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #now: () => number;
  #tokens: number;
  #filledAt: number;

  constructor(options: TokenBucketOptions) {
    this.#perMs = options.perSecond / 1000;
    this.#burst = options.burst;
    this.#now = options.now;
    this.#tokens = options.burst;
    this.#filledAt = options.now();
  }

  /** 0: granted. Else nothing was taken, and the ms until it would be; Infinity where n is more than a burst. */
  take(n = 1): number {
    if (n > this.#burst) return Number.POSITIVE_INFINITY;
    const now = this.#now();
    if (now > this.#filledAt) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMs);
      this.#filledAt = now;
    }
    if (this.#tokens >= n) {
      this.#tokens -= n;
      return 0;
    }
    return Math.max(1, Math.ceil((n - this.#tokens) / this.#perMs));
  }
}
