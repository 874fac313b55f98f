/** What to do when a connection has ended: the close codes of docs/protocol.md as a decision. */

export interface BackoffOptions {
  /** Ceiling of the first wait, ms. Default: 250. */
  readonly minMs?: number;
  /** Ceiling of every wait, ms. Default: 30,000. */
  readonly maxMs?: number;
  /** 0 ≤ x < 1. Default: Math.random. */
  readonly random?: () => number;
}

export type Verdict =
  /** Connect again after the wait. */
  | { readonly kind: 'retry'; readonly waitMs: number }
  /** Ask for a new token, then connect again after the wait. */
  | { readonly kind: 'renew'; readonly waitMs: number }
  /** Never connect again: the same would be refused the same way. */
  | { readonly kind: 'stop'; readonly failed: boolean };

/** Codes after which the same client must not come back by itself. */
const REFUSED: ReadonlySet<number> = new Set([1003, 1007, 1008, 1009, 1010, 4403, 4406]);
const NORMAL: ReadonlySet<number> = new Set([1000, 1001]);
/** Least wait after 4429 (rate limit broken repeatedly), ms; the jittered wait comes on top. */
const RATE_LIMITED_MS = 1_000;

export class Backoff {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;

  constructor(options: BackoffOptions = {}) {
    this.#minMs = options.minMs ?? 250;
    this.#maxMs = options.maxMs ?? 30_000;
    this.#random = options.random ?? Math.random;
  }

  /** Waits in a row so far. */
  get failures(): number {
    return this.#failures;
  }

  /** Forgets the failures; to be called once a connection has proved stable. */
  reset(): void {
    this.#failures = 0;
  }

  /** `delayMs` is that of a `reconnect` frame that came before the close. */
  decide(closeCode: number, delayMs: number | null): Verdict {
    if (NORMAL.has(closeCode)) return { kind: 'stop', failed: false };
    if (REFUSED.has(closeCode)) return { kind: 'stop', failed: true };
    if (closeCode === 1012 && delayMs !== null) return { kind: 'retry', waitMs: Math.min(delayMs, this.#maxMs) };
    if (closeCode === 4401) return { kind: 'renew', waitMs: this.#failures === 0 ? this.#nothing() : this.wait() };
    return { kind: 'retry', waitMs: (closeCode === 4429 ? RATE_LIMITED_MS : 0) + this.wait() };
  }

  /** The next wait: uniform between 0 and a ceiling that doubles ("full jitter"), so that many clients spread out. */
  wait(): number {
    const ceilingMs = Math.min(this.#maxMs, this.#minMs * 2 ** Math.min(this.#failures, 20));
    this.#failures += 1;
    return Math.floor(this.#random() * ceilingMs);
  }

  /** The first renewal of a token costs no wait, a second one in a row does. */
  #nothing(): number {
    this.#failures += 1;
    return 0;
  }
}
