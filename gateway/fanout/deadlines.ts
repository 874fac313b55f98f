/** Whose turn comes when, to the millisecond: one timer for all, however many wait. */

/** Delay of a timer that would be due already. */
const MIN_DELAY_MS = 1;

export class Deadlines<Item> {
  readonly #now: () => number;
  readonly #onDue: (item: Item) => void;
  /** By the millisecond in which they are due. As many as the longest wait has milliseconds. */
  readonly #byMs = new Map<number, Item[]>();
  #timer: NodeJS.Timeout | null = null;
  #timerAtMs = Number.POSITIVE_INFINITY;

  /**
   * @param now ms on a clock that never goes back
   * @param onDue called once per `add`, in a turn of the event loop of its own
   */
  constructor(now: () => number, onDue: (item: Item) => void) {
    this.#now = now;
    this.#onDue = onDue;
  }

  /** @param atMs on the clock of `now` */
  add(item: Item, atMs: number): void {
    const dueMs = Math.ceil(atMs);
    const items = this.#byMs.get(dueMs);
    if (items === undefined) this.#byMs.set(dueMs, [item]);
    else items.push(item);
    if (dueMs < this.#timerAtMs) this.#arm(dueMs);
  }

  /** Nothing is due any more. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    this.#byMs.clear();
  }

  #arm(dueMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAtMs = dueMs;
    this.#timer = setTimeout(() => this.#fire(), Math.max(MIN_DELAY_MS, dueMs - this.#now()));
  }

  #fire(): void {
    this.#timer = null;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const now = this.#now();
    for (const [dueMs, items] of [...this.#byMs].sort(([a], [b]) => a - b)) {
      if (dueMs > now) {
        this.#arm(dueMs);
        return;
      }
      this.#byMs.delete(dueMs);
      for (const item of items) this.#onDue(item);
    }
  }
}
