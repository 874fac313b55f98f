/** A rate limit that allows bursts. It fills by the clock, so an idle bucket costs nothing. */
export interface TokenBucketOptions {
  /** Tokens that come back per second. */
  readonly perSecond: number;
  /** Tokens that can be taken at once. */
  readonly burst: number;
  /** A clock that never goes back, ms. */
  readonly now: () => number;
}

/** Counted in thousandths of a token, so that whole milliseconds of whole rates add up without rounding. */
const PER_TOKEN = 1000;

export class TokenBucket {
  readonly #perMs: number;
  readonly #full: number;
  readonly #now: () => number;
  #level: number;
  #filledAt: number;

  constructor(options: TokenBucketOptions) {
    this.#perMs = options.perSecond;
    this.#full = options.burst * PER_TOKEN;
    this.#now = options.now;
    this.#level = this.#full;
    this.#filledAt = options.now();
  }

  /** 0: granted. Else nothing was taken, and the ms until it would be; Infinity where n is more than a burst. */
  take(n = 1): number {
    const wanted = n * PER_TOKEN;
    if (wanted > this.#full) return Number.POSITIVE_INFINITY;
    const now = this.#now();
    if (now > this.#filledAt) {
      this.#level = Math.min(this.#full, this.#level + (now - this.#filledAt) * this.#perMs);
      this.#filledAt = now;
    }
    if (this.#level < wanted) return Math.ceil((wanted - this.#level) / this.#perMs);
    this.#level -= wanted;
    return 0;
  }
}
