/** What a tail is made of, and shares with the other parts of its log. */
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Connections } from './connection.ts';
import type { KafkaMetrics } from './kafka-metrics.ts';
import type { Metadata } from './metadata.ts';
import type { Offsets } from './offsets.ts';

export interface TailParts {
  /** This tail's own sockets; it closes them. */
  readonly connections: Connections;
  readonly metadata: Metadata;
  readonly offsets: Offsets;
  readonly clock: Clock;
  readonly logger: LogSink;
  readonly maxWaitMs: number;
  /** See `TailOptions.onStall`. */
  readonly stallMs: number;
  readonly partitionBytes: number;
  readonly requestTimeoutMs: number;
  readonly metrics: KafkaMetrics;
  onStopped(): void;
}
