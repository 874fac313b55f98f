/**
 * How much may be under way through a queue that somebody else works off, so that nothing waits in it for longer than a target. The
 * worker's speed is not known, but what comes back tells of it: n were under way when this one went in, and it took so long,
 * so n come out in that time (Little's law).
 *
 *     window = n under way ÷ how long it took × target
 *
 * A quick queue gets a window far above what is under way, so it is felt only where waiting grows towards the target. What
 * went in counts until it comes out, also where nobody waits for it any more: that is what the worker still has before it.
 */

/** Before anything came back. */
const FIRST_WINDOW = 256;
/** A speed that was measured once in bad times must not keep out the publishes that would measure it anew. */
const MIN_WINDOW = 64;
/** So many times `maxWindow` are counted at most; of those above it the oldest is taken to be lost. */
const MAX_COUNTED_WINDOWS = 4;
/** What one measurement moves the speed by. */
const SMOOTHING = 0.1;
/** What comes back sooner tells only how exact the clock is, ms. */
const SHORTEST_MS = 1;

interface Entry {
  readonly atMs: number;
  /** How many were under way with it, itself included. */
  readonly depth: number;
}

export interface DelayWindowOptions {
  /** A clock that never goes back, ms. */
  readonly now: () => number;
  /** How long anything may take to come out, ms. */
  readonly targetMs: number;
  readonly maxWindow: number;
}

export class DelayWindow {
  readonly #options: DelayWindowOptions;
  /** By number, hence in the order in which they went in. */
  readonly #underWay = new Map<number, Entry>();
  /** Entries that come out per millisecond; null before any did. */
  #perMs: number | null = null;

  constructor(options: DelayWindowOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#underWay.size;
  }

  get window(): number {
    const { targetMs, maxWindow } = this.#options;
    const fitting = this.#perMs === null ? FIRST_WINDOW : Math.max(MIN_WINDOW, this.#perMs * targetMs);
    return Math.min(maxWindow, Math.floor(fitting));
  }

  /** How long the oldest has been under way, ms; 0 where nothing is. */
  get oldestMs(): number {
    for (const { atMs } of this.#underWay.values()) return this.#options.now() - atMs;
    return 0;
  }

  /** About how long what is under way will take, ms; null where no speed is known. */
  get waitMs(): number | null {
    return this.#perMs === null ? null : this.size / this.#perMs;
  }

  /** @param number greater than any before */
  entered(number: number): void {
    const { now, maxWindow } = this.#options;
    this.#underWay.set(number, { atMs: now(), depth: this.#underWay.size + 1 });
    if (this.#underWay.size <= MAX_COUNTED_WINDOWS * maxWindow) return;
    for (const oldest of this.#underWay.keys()) {
      this.#underWay.delete(oldest);
      return;
    }
  }

  /** It came out, hence all that went in before it did too, or never will. */
  cameOut(number: number): void {
    const entry = this.#underWay.get(number);
    if (entry === undefined) return;
    const perMs = entry.depth / Math.max(SHORTEST_MS, this.#options.now() - entry.atMs);
    this.#perMs = this.#perMs === null ? perMs : this.#perMs + SMOOTHING * (perMs - this.#perMs);
    for (const earlier of this.#underWay.keys()) {
      if (earlier > number) return;
      this.#underWay.delete(earlier);
    }
  }

  /** It never went in, or was taken back. */
  withdrawn(number: number): void {
    this.#underWay.delete(number);
  }
}
