/** Finds leaders for partitions that have none just now, for as long as it takes, with back-off. */
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { backOffMs, Pause } from './back-off.ts';
import type { Metadata } from './metadata.ts';
import type { BrokerAddress } from './wire/metadata.ts';

/** A topic that brokers do not know for this long is gone; shorter, a broker may just not have heard of it. */
const TOPIC_MISSING_MS = 5_000;

/** A partition to read; the search fills `leader` in. */
export interface Seeker {
  readonly partition: Partition;
  leader: BrokerAddress | null;
  /** Faults since the last good answer. */
  failures: number;
}

export interface LeaderSearchOptions<S extends Seeker> {
  readonly topic: string;
  readonly metadata: Metadata;
  readonly clock: Clock;
  /** All partitions that are read now, with and without leader. */
  seekers(): Iterable<S>;
  /** Some have a leader now. */
  onFound(): void;
  /** There is no use in searching on. Codes: `topic_missing`, `kafka_refused`. */
  onHopeless(seeker: S, error: RoomlogError): void;
}

export class LeaderSearch<S extends Seeker> {
  readonly #options: LeaderSearchOptions<S>;
  readonly #pause = new Pause();
  #running: Promise<void> | null = null;
  #missingSince: number | null = null;
  #stopped = false;

  constructor(options: LeaderSearchOptions<S>) {
    this.#options = options;
  }

  /** Searches until every partition has a leader; does nothing where it already does. */
  start(): void {
    if (this.#stopped) return;
    if (this.#running) {
      // Somebody new must not wait for the back-off of those who failed.
      if (this.#lost().some((seeker) => seeker.failures === 0)) this.#pause.wake();
      return;
    }
    this.#running = this.#search().finally(() => {
      this.#running = null;
      if (this.#lost().length > 0) this.start();
    });
  }

  /** An answer that still comes changes nothing any more. */
  stop(): void {
    this.#stopped = true;
    this.#pause.wake();
  }

  #lost(): S[] {
    return [...this.#options.seekers()].filter((seeker) => !seeker.leader);
  }

  async #search(): Promise<void> {
    for (;;) {
      const lost = this.#lost();
      if (lost.length === 0 || this.#stopped) return;
      await this.#pause.for(backOffMs(Math.min(...lost.map((seeker) => seeker.failures))));
      if (this.#stopped) return;
      try {
        await this.#ask();
      } catch (thrown) {
        this.#missed(asRoomlogError(thrown, 'kafka_unreachable'));
      }
    }
  }

  async #ask(): Promise<void> {
    const { topic, metadata } = this.#options;
    const { leaders } = await metadata.leaders(topic);
    if (this.#stopped) return;
    this.#missingSince = null;
    for (const seeker of this.#lost()) {
      const leader = leaders.get(seeker.partition);
      if (leader) seeker.leader = leader;
      else if (leader === null) seeker.failures++;
      else {
        const details = { topic, partition: seeker.partition };
        this.#options.onHopeless(seeker, new RoomlogError('topic_missing', undefined, { details }));
      }
    }
    if (this.#lost().length > 0) metadata.markStale(topic);
    this.#options.onFound();
  }

  #missed(error: RoomlogError): void {
    if (this.#stopped) return;
    const now = this.#options.clock.monotonic();
    if (error.code === 'topic_missing') this.#missingSince ??= now;
    const isGone = this.#missingSince !== null && now - this.#missingSince >= TOPIC_MISSING_MS;
    const isHopeless = error.code === 'kafka_refused' || (error.code === 'topic_missing' && isGone);
    for (const seeker of this.#lost()) {
      if (isHopeless) this.#options.onHopeless(seeker, error);
      else seeker.failures++;
    }
  }
}
