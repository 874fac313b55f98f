/** What a room has received and its reader has not taken yet: a bounded queue with an asynchronous end. */
export class Inbox<Item> {
  readonly #limit: number;
  #items: Item[] = [];
  #taker: { resolve(result: IteratorResult<Item>): void; reject(error: unknown): void } | null = null;
  #end: { readonly error: unknown } | null = null;
  readonly #onDrained: () => void;

  /** `onDrained` is called when the queue, once full, has sunk to half of its limit. */
  constructor(limit: number, onDrained: () => void) {
    this.#limit = limit;
    this.#onDrained = onDrained;
  }

  get full(): boolean {
    return this.#items.length >= this.#limit;
  }

  put(item: Item): void {
    const taker = this.#taker;
    this.#taker = null;
    if (taker) taker.resolve({ done: false, value: item });
    else if (!this.#end) this.#items.push(item);
  }

  /** Resolves with the next item; one caller at a time. */
  take(): Promise<IteratorResult<Item>> {
    const item = this.#items.shift();
    if (item !== undefined) {
      if (this.#items.length === Math.floor(this.#limit / 2)) this.#onDrained();
      return Promise.resolve({ done: false, value: item });
    }
    const end = this.#end;
    if (end) return end.error ? Promise.reject(end.error) : Promise.resolve({ done: true, value: undefined });
    if (this.#taker) return Promise.reject(new TypeError('This room is being read by another loop already.'));
    return new Promise((resolve, reject) => {
      this.#taker = { resolve, reject };
    });
  }

  /** What is queued can still be taken; then the reader's loop ends, or throws `error`. */
  end(error: unknown): void {
    if (this.#end) return;
    this.#end = { error };
    const taker = this.#taker;
    this.#taker = null;
    if (!taker) return;
    if (error) taker.reject(error);
    else taker.resolve({ done: true, value: undefined });
  }
}
