/** Keeps a rate without bursts: what could not be sent in time is not made up for beyond `MAX_DEBT_MS`. */

/** How much lost time is caught up at most, ms: a stall must not be followed by a flood. */
const MAX_DEBT_MS = 1_000;

export class Pace {
  readonly #perSecond: number;
  #startMs: number;
  #granted = 0;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#startMs = nowMs;
  }

  /** How long until the next one is due, ms; 0 if it is. */
  waitMs(nowMs: number): number {
    const dueMs = this.#startMs + (this.#granted * 1000) / this.#perSecond;
    if (nowMs - dueMs > MAX_DEBT_MS) this.#startMs += nowMs - dueMs - MAX_DEBT_MS;
    return Math.max(0, dueMs - nowMs);
  }

  grant(): void {
    this.#granted += 1;
  }
}
