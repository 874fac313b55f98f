/** First in, first out, with a named limit. A ring, so that neither end ever copies the rest. */
export class BoundedQueue<T> {
  readonly limit: number;
  #slots: (T | undefined)[] = new Array<T | undefined>(16);
  #head = 0;
  #size = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  get size(): number {
    return this.#size;
  }

  /** False, and nothing done, when full. */
  push(item: T): boolean {
    if (this.#size >= this.limit) return false;
    if (this.#size === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#size) & (this.#slots.length - 1)] = item;
    this.#size++;
    return true;
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#size--;
    return item;
  }

  /** The oldest, left where it is. */
  peek(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#head];
  }

  /** The newest, left where it is. */
  last(): T | undefined {
    return this.#size === 0 ? undefined : this.#slots[(this.#head + this.#size - 1) & (this.#slots.length - 1)];
  }

  clear(): void {
    this.#slots = new Array<T | undefined>(16);
    this.#head = 0;
    this.#size = 0;
  }

  /** The length stays a power of two, so that a place is found by a mask. */
  #grow(): void {
    const larger = new Array<T | undefined>(this.#slots.length * 2);
    for (let at = 0; at < this.#size; at++) larger[at] = this.#slots[(this.#head + at) & (this.#slots.length - 1)];
    this.#slots = larger;
    this.#head = 0;
  }
}
