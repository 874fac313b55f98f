/** A CPU profile of this process under load, without its start: `--cpu-prof` can't be given by NODE_OPTIONS. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { dirname } from 'node:path';

/** From the first event on, until what it compiles has been compiled, ms. */
const WARM_UP_MS = 5_000;

export class Profile {
  readonly #session = new Session();
  #begun = false;

  /** Begins a while after the first call. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    setTimeout(() => {
      this.#session.connect();
      this.#session.post('Profiler.enable');
      this.#session.post('Profiler.start');
    }, WARM_UP_MS);
  }

  /** Written before it returns. */
  end(file: string): void {
    this.#session.post('Profiler.stop', (error, found) => {
      if (error !== null) throw error;
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, JSON.stringify(found.profile));
    });
  }
}
