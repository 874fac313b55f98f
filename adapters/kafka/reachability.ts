/** Whether brokers answer: noted by every connection of one log, asked by health checks. */
import type { Clock } from '../../core/ports/clock.ts';

export class Reachability {
  readonly #clock: Clock;
  readonly #silenceMs: number;
  #waiting = 0;
  #waitingSince = 0;
  #lastAnswerAt = Number.NEGATIVE_INFINITY;
  #failedSinceAnswer = false;

  /** No answer for `silenceMs`, while one is due, means unreachable. */
  constructor(clock: Clock, silenceMs: number) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
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
    if (now - this.#lastAnswerAt < this.#silenceMs) return true;
    if (this.#failedSinceAnswer) return false;
    return this.#waiting === 0 || now - this.#waitingSince < this.#silenceMs;
  }
}
