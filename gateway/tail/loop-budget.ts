/**
 * Keeps long work from holding the event loop: all who share a budget together get so many milliseconds of a turn, then they queue
 * for the next ones.
 */
import type { Clock } from '../../core/ports/clock.ts';

/** Steps of its own that one who was woken may need before its work is done and the clock can tell. */
const SETTLING_STEPS = 8;

export class LoopBudget {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #first: () => void;
  readonly #waiting: Array<() => void> = [];
  #startedAt: number | null = null;

  /** @param first what comes before the work of each turn; what it writes is on its way before anybody is woken */
  constructor(clock: Clock, turnMs: number, first: () => void = () => {}) {
    this.#clock = clock;
    this.#turnMs = turnMs;
    this.#first = first;
  }

  /** Whether this turn's share is used up, or others wait for theirs. */
  spent(): boolean {
    if (this.#startedAt === null) {
      this.#startedAt = this.#clock.monotonic();
      setImmediate(() => void this.#nextTurn());
      return false;
    }
    return this.#clock.monotonic() - this.#startedAt > this.#turnMs;
  }

  /** Resolves in a later turn, in the order of the calls: as many in one turn as its share allows. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      // `spent` sees to it that a next turn is on its way.
      if (this.#startedAt === null) this.spent();
    });
  }

  async #nextTurn(): Promise<void> {
    this.#startedAt = null;
    this.#first();
    while (this.#waiting.length > 0 && !this.spent()) {
      this.#waiting.shift()?.();
      // Lets the one just woken do its work, so that the clock tells what it took.
      for (let step = 0; step < SETTLING_STEPS; step += 1) await null;
    }
  }
}
