/** What the stream half of a gateway is made with. */
import type { Buffer } from 'node:buffer';
import type { Metrics } from '../../adapters/telemetry/metrics.ts';
import type { Alarms } from '../../core/alarms.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { AnchorsOptions } from '../history/anchors.ts';
import type { PublishOutcomes } from '../stream.ts';

export interface RoomStreamOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: { readonly outbound: string; readonly snapshots: string };
  readonly partitions: number;
  /** The first 8 bytes of every `origin` that this gateway gives. */
  readonly originTag: Buffer;
  readonly outcomes: PublishOutcomes;
  readonly config: Pick<Config, 'gateway' | 'kafka'>;
  readonly logger: LogSink;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** Left out: they are logged, and nobody else is told. */
  readonly alarms?: Alarms;
  /** See `CanaryWatchOptions.failingAfterMs`. */
  readonly failingAfterMs?: number;
  /** How often anchors are noted; tests make it small. */
  readonly anchors?: AnchorsOptions;
  /** See `RangesOptions.cacheBytes`. */
  readonly historyCacheBytes?: number;
  /** How far the event loop is behind, 0 to 1; tests say so. */
  readonly pressure?: () => number;
}
