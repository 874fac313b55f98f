/**
 * Keeps long work from holding the event loop: all partitions together get so many milliseconds of a turn, then they queue for the
 * next ones, one at a time.
 */
import type { Clock } from '../../core/ports/clock.ts';

/** Folding in one turn of the event loop, ms. */
const TURN_MS = 20;

export class LoopBudget {
  readonly #clock: Clock;
  readonly #turnMs: number;
  readonly #waiting: Array<() => void> = [];
  #startedAt: number | null = null;

  constructor(clock: Clock, turnMs: number = TURN_MS) {
    this.#clock = clock;
    this.#turnMs = turnMs;
  }

  /** Whether this turn's share is used up, or others wait for theirs. */
  spent(): boolean {
    if (this.#startedAt === null) {
      this.#startedAt = this.#clock.monotonic();
      setImmediate(() => this.#nextTurn());
      return false;
    }
    return this.#clock.monotonic() - this.#startedAt > this.#turnMs;
  }

  /** Resolves in a later turn, in the order of the calls. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      // `spent` has been called, so a next turn is on its way.
      if (this.#startedAt === null) this.spent();
    });
  }

  #nextTurn(): void {
    this.#startedAt = null;
    const first = this.#waiting.shift();
    if (first === undefined) return;
    this.spent();
    first();
  }
}
