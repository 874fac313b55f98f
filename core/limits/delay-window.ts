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
const FIRST_SLOTS = 16;
/** Stands for the depth of an entry that was withdrawn, until it is the oldest. */
const WITHDRAWN = 0;

export interface DelayWindowOptions {
  /** A clock that never goes back, ms. */
  readonly now: () => number;
  /** How long anything may take to come out, ms. */
  readonly targetMs: number;
  readonly maxWindow: number;
}

export class DelayWindow {
  readonly #options: DelayWindowOptions;
  /** A ring, in the order in which they went in; its length is a power of two. */
  #numbers = new Float64Array(FIRST_SLOTS);
  #atMs = new Float64Array(FIRST_SLOTS);
  /** How many were under way with it, itself included. */
  #depths = new Float64Array(FIRST_SLOTS);
  /** Of the oldest, and of the place behind the newest; both only grow. */
  #from = 0;
  #to = 0;
  #size = 0;
  /** Entries that come out per millisecond; null before any did. */
  #perMs: number | null = null;

  constructor(options: DelayWindowOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  get window(): number {
    const { targetMs, maxWindow } = this.#options;
    const fitting = this.#perMs === null ? FIRST_WINDOW : Math.max(MIN_WINDOW, this.#perMs * targetMs);
    return Math.min(maxWindow, Math.floor(fitting));
  }

  /** How long the oldest has been under way, ms; 0 where nothing is. */
  get oldestMs(): number {
    return this.#size === 0 ? 0 : this.#options.now() - (this.#atMs[this.#slot(this.#from)] as number);
  }

  /** About how long what is under way will take, ms; null where no speed is known. */
  get waitMs(): number | null {
    return this.#perMs === null ? null : this.#size / this.#perMs;
  }

  /** @param number greater than any before */
  entered(number: number): void {
    if (this.#to - this.#from === this.#numbers.length) this.#grow();
    const slot = this.#slot(this.#to);
    this.#to += 1;
    this.#size += 1;
    this.#numbers[slot] = number;
    this.#atMs[slot] = this.#options.now();
    this.#depths[slot] = this.#size;
    if (this.#to - this.#from > MAX_COUNTED_WINDOWS * this.#options.maxWindow) this.#dropOldest();
  }

  /** It came out, hence all that went in before it did too, or never will. */
  cameOut(number: number): void {
    const at = this.#find(number);
    if (at === null) return;
    const slot = this.#slot(at);
    const tookMs = Math.max(SHORTEST_MS, this.#options.now() - (this.#atMs[slot] as number));
    this.#measured(this.#depths[slot] as number, tookMs);
    while (this.#from <= at) this.#dropOldest();
    this.#dropWithdrawn();
  }

  /** It never went in, or was taken back. */
  withdrawn(number: number): void {
    const at = this.#find(number);
    if (at === null) return;
    this.#depths[this.#slot(at)] = WITHDRAWN;
    this.#size -= 1;
    this.#dropWithdrawn();
  }

  /** How long a few took tells how long the way is, not how much fits into it: such a measurement can only raise the speed. */
  #measured(depth: number, tookMs: number): void {
    const perMs = depth / tookMs;
    if (depth < MIN_WINDOW && perMs < (this.#perMs ?? FIRST_WINDOW / this.#options.targetMs)) return;
    this.#perMs = this.#perMs === null ? perMs : this.#perMs + SMOOTHING * (perMs - this.#perMs);
  }

  #slot(at: number): number {
    return at & (this.#numbers.length - 1);
  }

  /** Where it stands; null where it does not, or was withdrawn. Numbers only grow, so half of them are out at each look. */
  #find(number: number): number | null {
    let [low, high] = [this.#from, this.#to];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.#numbers[this.#slot(middle)] as number) < number) low = middle + 1;
      else high = middle;
    }
    const isThere = low < this.#to && this.#numbers[this.#slot(low)] === number;
    return isThere && this.#depths[this.#slot(low)] !== WITHDRAWN ? low : null;
  }

  #dropOldest(): void {
    if (this.#depths[this.#slot(this.#from)] !== WITHDRAWN) this.#size -= 1;
    this.#from += 1;
  }

  #dropWithdrawn(): void {
    while (this.#from < this.#to && this.#depths[this.#slot(this.#from)] === WITHDRAWN) this.#from += 1;
  }

  #grow(): void {
    const length = this.#numbers.length * 2;
    const [numbers, atMs, depths] = [new Float64Array(length), new Float64Array(length), new Float64Array(length)];
    for (let at = this.#from; at < this.#to; at += 1) {
      const slot = this.#slot(at);
      numbers[at & (length - 1)] = this.#numbers[slot] as number;
      atMs[at & (length - 1)] = this.#atMs[slot] as number;
      depths[at & (length - 1)] = this.#depths[slot] as number;
    }
    [this.#numbers, this.#atMs, this.#depths] = [numbers, atMs, depths];
  }
}
