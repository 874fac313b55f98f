/** What the bench of the Kafka clients asks of the process under test, and what that answers. */
import type { Config } from '../../core/config/schema.ts';
import type { LatencySummary } from '../support/latency.ts';

export type KafkaClient = Config['kafka']['client'];

export interface Job {
  readonly client: KafkaClient;
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly partitions: number;
  readonly recordBytes: number;
  /**
   * - `rate`: appends `perSecond` records, each due at a moment of its own, and tails them.
   * - `read`: tails `records` that stand in the log already, as fast as they come.
   * - `append`: appends `records` in requests of `recordsPerRequest` over all partitions, one request after the other.
   */
  readonly work: 'rate' | 'read' | 'append';
  readonly perSecond: number;
  /** Counted ones; as many as of the warm-up come before. */
  readonly records: number;
  readonly warmUp: number;
  readonly recordsPerRequest: number;
}

export interface Measured {
  /** From when a record was due to its ack, and to its delivery by the tail; `rate` only. */
  readonly acked: LatencySummary | null;
  readonly delivered: LatencySummary | null;
  readonly recordsPerSecond: number;
  /** User and system time of the process, µs. */
  readonly cpuPerRecordUs: number;
  /** Share of a core. */
  readonly busy: number;
  /** From the import of the client to the first answer of a broker. */
  readonly openedMs: number;
  readonly rssBytes: number;
}
