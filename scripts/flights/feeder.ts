/** Sends flights through several clients at a rate, and counts what becomes of them. */
import type { RoomlogClient } from '../../client/index.ts';
import type { Flight } from './flights.ts';
import type { Pace } from './pace.ts';
import type { Tally } from './tally.ts';

export interface FeederOptions {
  readonly clients: readonly RoomlogClient[];
  readonly tally: Tally;
  readonly pace: Pace;
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** Publishes without an answer per client, above which sending waits: bounds memory while the stack is away. */
export const MAX_PENDING_PER_CLIENT = 500;

export class Feeder {
  readonly #options: FeederOptions;
  #fault: unknown = null;

  constructor(options: FeederOptions) {
    this.#options = options;
  }

  /** Sends until the flights, the limit or the signal end it. Throws the first refusal. */
  async run(flights: AsyncIterable<Flight>): Promise<void> {
    const { tally, pace, limit, signal } = this.#options;
    for await (const flight of flights) {
      if (tally.sent >= limit) return;
      const client = this.#clientOf(flight.origin);
      while (!signal.aborted && this.#fault === null) {
        const waitMs = client.pending >= MAX_PENDING_PER_CLIENT ? 5 : pace.waitMs(performance.now());
        if (waitMs === 0) break;
        await sleep(waitMs, signal);
      }
      if (this.#fault !== null) throw this.#fault;
      if (signal.aborted) return;
      pace.grant();
      this.#send(client, flight);
      // Acks are read between sends, also when far behind the rate.
      if (tally.sent % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Resolves when all has been answered; false when that took longer than `withinMs`. */
  async settle(withinMs: number): Promise<boolean> {
    const all = Promise.all(this.#options.clients.map((client) => client.flush())).then(() => true);
    const settled = await Promise.race([all, sleep(withinMs).then(() => false)]);
    if (this.#fault !== null) throw this.#fault;
    return settled;
  }

  /** One airport always goes through the same session, so that its flights keep their order. */
  #clientOf(origin: string): RoomlogClient {
    const { clients } = this.#options;
    let hash = 0;
    for (const letter of origin) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
    const client = clients[hash % clients.length];
    if (!client) throw new TypeError('A feeder needs at least one client.');
    return client;
  }

  #send(client: RoomlogClient, flight: Flight): void {
    const { tally, signal } = this.#options;
    const room = `airport/${flight.origin}`;
    const beganMs = performance.now();
    tally.addSent(room, flight.date);
    client.publish(room, 'flight', flight).then(
      ({ duplicate }) => tally.addAcked(performance.now() - beganMs, duplicate),
      (error: unknown) => {
        if (signal.aborted) return;
        tally.refused += 1;
        this.#fault ??= error;
      },
    );
  }
}

/** Ends early, without throwing, when the signal comes. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done);
  });
}
