/** Slots that it has at least: a power of two, as each of its lengths, so that a place is found by a mask. */
const MIN_SLOTS = 16;

/**
 * First in, first out; items are found by their place too. A ring, so that neither end ever copies the rest; it grows and shrinks with what it holds.
 * Where there is no limit of items, its owner has one of their bytes.
 */
export class Queue<T> {
  readonly limit: number;
  #slots: (T | undefined)[] = new Array<T | undefined>(MIN_SLOTS);
  #head = 0;
  #size = 0;

  constructor(limit: number = Number.POSITIVE_INFINITY) {
    this.limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** @param index 0 is the oldest */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#size) return undefined;
    return this.#slots[(this.#head + index) & (this.#slots.length - 1)];
  }

  /** The oldest, left where it is. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head];
  }

  /** The newest, left where it is. */
  last(): T | undefined {
    return this.at(this.#size - 1);
  }

  /** False, and nothing done, when full. */
  push(item: T): boolean {
    if (this.#size >= this.limit) return false;
    if (this.#size === this.#slots.length) this.#resize(this.#size * 2);
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
    return true;
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    // A number holds on to nothing, and beside an `undefined` V8 would keep large ones as objects.
    if (typeof item !== 'number') this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    if (this.#size * 8 < this.#slots.length && this.#slots.length > MIN_SLOTS * 2) this.#resize(this.#slots.length / 4);
    return item;
  }

  /** Puts one back that was taken, in front of all. */
  unshift(item: T): void {
    if (this.#size === this.#slots.length) this.#resize(this.#size * 2);
    this.#head = (this.#head - 1) & (this.#slots.length - 1);
    this.#slots[this.#head] = item;
    this.#size++;
  }

  clear(): void {
    this.#slots = new Array<T | undefined>(MIN_SLOTS);
    this.#head = 0;
    this.#size = 0;
  }

  #resize(length: number): void {
    const slots = new Array<T | undefined>(length);
    for (let at = 0; at < this.#size; at++) slots[at] = this.#slots[(this.#head + at) & (this.#slots.length - 1)];
    this.#slots = slots;
    this.#head = 0;
  }
}
