/** Counts offences in a sliding window: the one that fills it is the last that is forgiven. */
export class Strikes {
  readonly #limit: number;
  readonly #windowMs: number;
  #times: number[] = [];

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** True when this offence makes `limit` of them within the window. */
  add(nowMs: number): boolean {
    this.#times.push(nowMs);
    if (this.#times.length > this.#limit) this.#times.shift();
    return this.#times.length === this.#limit && nowMs - (this.#times[0] as number) <= this.#windowMs;
  }
}
