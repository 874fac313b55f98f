/** Whether brokers answer: noted by every connection of one log, asked by health checks. */
import type { Clock } from '../../core/ports/clock.ts';

/** No answer for this long, while one is due, means unreachable. */
const SILENCE_MS = 3_000;

export class Reachability {
  readonly #clock: Clock;
  #waiting = 0;
  #waitingSince = 0;
  #lastAnswerAt = Number.NEGATIVE_INFINITY;
  #failedSinceAnswer = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  asked(): void {
    if (this.#waiting++ === 0) this.#waitingSince = this.#clock.monotonic();
  }

  answered(): void {
    this.#waiting--;
    this.#lastAnswerAt = this.#clock.monotonic();
    this.#waitingSince = this.#lastAnswerAt;
    this.#failedSinceAnswer = false;
  }

  failed(): void {
    this.#waiting--;
    this.#failedSinceAnswer = true;
  }

  get reachable(): boolean {
    const now = this.#clock.monotonic();
    if (now - this.#lastAnswerAt < SILENCE_MS) return true;
    if (this.#failedSinceAnswer) return false;
    return this.#waiting === 0 || now - this.#waitingSince < SILENCE_MS;
  }
}
