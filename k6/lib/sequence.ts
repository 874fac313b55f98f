/** A numbering 1, 2, 3, … as it arrives: what is missing, what comes late, what comes again. */

/** Holes that are remembered one by one; those beyond stay missing, and what fills them counts as seen before. */
export const MAX_HOLES = 10_000;

/** `next`: as it should be. `ahead`: after a hole. `late`: fills a hole. `seen`: was here before. */
export type Arrival = 'next' | 'ahead' | 'late' | 'seen';

export class Sequence {
  last = 0;
  #holes: Set<number> | null = null;
  #forgotten = 0;

  take(number: number): Arrival {
    if (number === this.last + 1) {
      this.last = number;
      return 'next';
    }
    if (number <= this.last) return this.#holes?.delete(number) === true ? 'late' : 'seen';
    this.expect(number - 1);
    this.last = number;
    return 'ahead';
  }

  /** All up to `number` should have come by now. */
  expect(number: number): void {
    for (let missing = this.last + 1; missing <= number; missing++) {
      this.#holes ??= new Set();
      if (this.#holes.size >= MAX_HOLES) {
        this.#forgotten += number - missing + 1;
        break;
      }
      this.#holes.add(missing);
    }
    this.last = Math.max(this.last, number);
  }

  /** `from` to `to`, both included, are known not to come. */
  skip(from: number, to: number): void {
    this.expect(from - 1);
    for (const hole of this.#holes ?? []) if (hole >= from && hole <= to) this.#holes?.delete(hole);
    this.last = Math.max(this.last, to);
  }

  /** How many numbers up to `last` did not come. */
  get missing(): number {
    return (this.#holes?.size ?? 0) + this.#forgotten;
  }
}
