/** What every part of a sequencer works with. Built once in `sequencer.ts`. */
import type { Alarms } from '../../core/alarms.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Topics } from '../../core/names.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { Canaries } from './canaries.ts';
import type { DeadLetters } from './dead-letters.ts';
import type { SequencerMetrics } from './metrics.ts';
import type { Outbox } from './outbox.ts';
import type { Pace } from './pace.ts';
import type { Share } from './share.ts';
import type { StreamIdentity } from './stream-id.ts';
import type { Turns } from './turns.ts';

export interface SequencerContext {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: Topics;
  /** P. */
  readonly partitions: number;
  readonly config: Config['sequencer'];
  readonly logger: LogSink;
  readonly metrics: SequencerMetrics;
  readonly clock: Clock;
  readonly random: (bytes: number) => Uint8Array;
  readonly pace: Pace;
  readonly share: Share;
  readonly outbox: Outbox;
  readonly deadLetters: DeadLetters;
  readonly identity: StreamIdentity;
  readonly canaries: Canaries;
  readonly alarms: Alarms;
  /** How long outbound keeps its records, ms; -1 for ever. */
  readonly outboundRetentionMs: number;
  /** One snapshot is written at a time: they share one event loop and one connection. */
  readonly snapshotTurns: Turns;
}
