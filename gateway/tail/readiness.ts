/** Whether this gateway should have clients, and which partitions it can serve, by what the tail has seen of them. */
import type { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { FollowedPartition } from './followed-partition.ts';

const NONE: ReadonlySet<number> = new Set();
/** A partition this many records behind its end makes the gateway not ready. */
const MAX_LAG_RECORDS = 10_000;

export class Readiness {
  readonly #partitions: readonly FollowedPartition[];
  readonly #logger: LogSink;
  /** Partitions of which no broker has answered for a while. */
  #silent: ReadonlySet<number> = NONE;

  constructor(partitions: readonly FollowedPartition[], logger: LogSink) {
    this.#partitions = partitions;
    this.#logger = logger;
  }

  /** @param error names the silent ones in `details.partitions`, else all are; null when all answer again. */
  onStall(error: RoomlogError | null): void {
    if (error !== null && this.#silent.size === 0) this.#logger.warn({ err: error }, 'no answer from Kafka');
    this.#silent = error === null ? NONE : this.#named(error);
  }

  /**
   * Why no client should be sent here; null when they should. One partition that is halted or has no leader is so for every
   * gateway: its rooms answer `unavailable` (`serves`), but to take every gateway out of the Service for it would end the other
   * partitions too.
   */
  get reason(): string | null {
    if (this.#silent.size === this.#partitions.length) return 'no answer from Kafka';
    for (const { partition: number, halted, lag } of this.#partitions) {
      if (halted === null && lag > MAX_LAG_RECORDS) return `partition ${number} is ${lag} records behind`;
    }
    return null;
  }

  /**
   * Whether all that a partition's log holds was read here, and brokers answer for it: only then does silence mean that nothing comes. One that reads
   * again, waits for a schema or is behind has signs of life before it that it has not seen.
   */
  hears(number: Partition): boolean {
    const partition = this.#partitions[number];
    if (partition === undefined || this.#silent.has(number)) return false;
    return partition.halted === null && !partition.reloading && partition.lag === 0;
  }

  /** Whether what is published to a partition now would be read back soon. */
  serves({ partition: number, halted, reloading, lag }: FollowedPartition): boolean {
    return !this.#silent.has(number) && halted === null && !reloading && lag <= MAX_LAG_RECORDS;
  }

  #named({ details: { partitions } }: RoomlogError): ReadonlySet<number> {
    return new Set(Array.isArray(partitions) ? partitions : this.#partitions.map(({ partition: number }) => number));
  }
}
