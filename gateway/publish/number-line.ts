/**
 * Things by numbers that are given one after the other, and that go again in about the order in which they came.
 *
 *     from                              next
 *      │ 17 │ 18 │ –  │ 20 │ –  │ 22 │ 23 │          18 waits for an answer, 19 has got it
 *
 * Not a Map. When the table of a Map is full of what was taken out, V8 makes another one, to which the old one refers. Once a table has got into
 * the old generation, it keeps all that follow it, and what stood in them, until V8 looks through the whole heap; and since all of that is moved
 * there too, the next chain has begun.
 */

/** A power of two. */
const FIRST_SLOTS = 256;

export class NumberLine<T extends object> {
  /** A ring; its length is a power of two. */
  #slots: Array<T | null> = new Array(FIRST_SLOTS).fill(null);
  /** Nothing below is held. */
  #from = 1;
  #next = 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The number that it gets: 1 for the first, and never one that was given before. */
  add(item: T): number {
    if (this.#next - this.#from === this.#slots.length) this.#grow();
    const number = this.#next;
    this.#next += 1;
    this.#size += 1;
    this.#slots[this.#slot(number)] = item;
    return number;
  }

  get(number: number): T | undefined {
    if (number < this.#from || number >= this.#next) return undefined;
    return this.#slots[this.#slot(number)] ?? undefined;
  }

  /** Takes it out. */
  take(number: number): T | undefined {
    const item = this.get(number);
    if (item === undefined) return undefined;
    this.#slots[this.#slot(number)] = null;
    this.#size -= 1;
    while (this.#from < this.#next && this.#slots[this.#slot(this.#from)] === null) this.#from += 1;
    // One that stayed for long has made it as long as all that came meanwhile.
    if (this.#size === 0 && this.#slots.length > FIRST_SLOTS) this.#slots = new Array(FIRST_SLOTS).fill(null);
    return item;
  }

  /** The oldest number that is held; null where nothing is. */
  get oldest(): number | null {
    return this.#size === 0 ? null : this.#from;
  }

  #slot(number: number): number {
    return number & (this.#slots.length - 1);
  }

  #grow(): void {
    const slots = this.#slots;
    const larger = new Array<T | null>(slots.length * 2).fill(null);
    for (let at = this.#from; at < this.#next; at += 1) {
      larger[at & (larger.length - 1)] = slots[at & (slots.length - 1)] ?? null;
    }
    this.#slots = larger;
  }
}
