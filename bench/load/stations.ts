/** When the load process sent each measured event and had it back, for `bench/publish-trace.ts`. */
import { writeFileSync } from 'node:fs';

export class Stations {
  readonly #file: string;
  readonly #offsetMs: number;
  readonly #stations: Readonly<Record<string, Record<string, number>>> = {
    intended: {},
    sent: {},
    'delivered to the first': {},
    'delivered to all': {},
  };

  /** @param offsetMs what is added to performance.now() to be on the machine's clock */
  constructor(file: string, offsetMs: number) {
    this.#file = file;
    this.#offsetMs = offsetMs;
  }

  sent(intended: number, now: number): void {
    this.#note('intended', intended, intended);
    this.#note('sent', intended, now);
  }

  delivered(intended: number, now: number): void {
    const first = this.#stations['delivered to the first'] ?? {};
    if (first[intended.toFixed(3)] === undefined) this.#note('delivered to the first', intended, now);
    this.#note('delivered to all', intended, now);
  }

  write(): void {
    writeFileSync(this.#file, JSON.stringify({ stations: this.#stations, requests: {} }));
  }

  #note(station: string, intended: number, ms: number): void {
    const times = this.#stations[station];
    if (times !== undefined) times[intended.toFixed(3)] = ms + this.#offsetMs;
  }
}
