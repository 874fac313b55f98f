/** What the stream half counts. Label sets are bound once, so that counting is an addition. */
import type { Counter, Metrics } from '../../adapters/telemetry/metrics.ts';
import type { SnapshotRefusal } from '../../core/log/snapshot.ts';
import type { WalkOutcome } from '../history/walk-back.ts';
import type { GapReason } from '../stream.ts';
import type { VerdictKind } from './partition-listener.ts';

const VERDICTS: readonly VerdictKind[] = ['claim', 'accepted', 'stale', 'repeat', 'fault', 'unprovable'];
const REFUSALS: readonly SnapshotRefusal[] = ['torn', 'corrupt', 'stale', 'ahead', 'foreign', 'newer_version'];
const GAP_REASONS: readonly GapReason[] = ['retention', 'expired', 'slow'];

const READS = ['read', 'shared'] as const;
const WALKS: readonly WalkOutcome[] = ['found', 'dense', 'refused', 'deleted'];

export interface StreamMetrics {
  readonly verdicts: Readonly<Record<VerdictKind, Counter>>;
  readonly gaps: Readonly<Record<GapReason, Counter>>;
  readonly deliveries: Counter;
  /** The same events in the family of all protocol frames, which the edge counts; an event in a batch counts like one alone. */
  readonly eventFrames: Counter;
  /** Deliveries by this are the events per socket write. */
  readonly roomWrites: Counter;
  readonly historyBytes: Counter;
  readonly historyReads: Readonly<Record<(typeof READS)[number], Counter>>;
  readonly historyWalks: Readonly<Record<WalkOutcome, Counter>>;
  readonly snapshotsLoaded: Counter;
  readonly snapshotsRefused: Readonly<Record<SnapshotRefusal, Counter>>;
}

export interface StreamGauges {
  lagRecords(): number;
  catchingUp(): number;
  haltedPartitions(): number;
  ringBytes(): number;
  rooms(): number;
  members(): number;
  pressure(): number;
  restMs(): number;
  historyWaiting(): number;
  historyKeptBytes(): number;
}

export function createStreamMetrics(metrics: Metrics, gauges: StreamGauges): StreamMetrics {
  const records = metrics.counter(
    'roomlog_outbound_records_total',
    'Outbound records read, by what the fold made of them.',
  );
  const gaps = metrics.counter('roomlog_gaps_total', 'Gap frames sent, by reason.');
  const reads = metrics.counter(
    'roomlog_history_reads_total',
    'Ranges that were needed for catching up: `read` from Kafka, or `shared` with somebody who needed them too.',
  );
  const walks = metrics.counter(
    'roomlog_history_walks_total',
    'Searches for a room’s events along their hints, by what came of them: `found`, or everything is read since that is cheaper (`dense`), a hint was wrong (`refused`), or retention has passed (`deleted`).',
  );
  const refused = metrics.counter(
    'roomlog_gateway_snapshots_refused_total',
    'Snapshots that this gateway did not start from, by why.',
  );
  metrics.gauge(
    'roomlog_fold_lag_records',
    'Outbound records that are in the log and not folded yet.',
    gauges.lagRecords,
  );
  metrics.gauge(
    'roomlog_catchup_active',
    'Members that read the ring or the log at their own pace.',
    gauges.catchingUp,
  );
  metrics.gauge(
    'roomlog_history_waiting_reads',
    'Reads of the log for catching up that wait for their turn.',
    gauges.historyWaiting,
  );
  metrics.gauge(
    'roomlog_history_kept_bytes',
    'What was read for catching up and is kept for the next who need it, about.',
    gauges.historyKeptBytes,
  );
  metrics.gauge(
    'roomlog_partitions_halted',
    'Partitions whose log contradicts itself: an alarm.',
    gauges.haltedPartitions,
  );
  metrics.gauge('roomlog_ring_bytes', 'Newest events held in memory, about.', gauges.ringBytes);
  metrics.gauge('roomlog_rooms', 'Rooms with members on this gateway.', gauges.rooms);
  metrics.gauge('roomlog_members', 'Memberships on this gateway.', gauges.members);
  metrics.gauge(
    'roomlog_flush_pressure',
    'How much the event loop needs fewer writes, 0 to 1: flush windows grow by it towards gateway.flushWindowMaxMs.',
    gauges.pressure,
  );
  metrics.gauge(
    'roomlog_fetch_rest_ms',
    'How long a fetch waits behind one that had records: up to a third of gateway.flushWindowMaxMs while the event loop is busy.',
    gauges.restMs,
  );
  return {
    verdicts: bind(records, 'verdict', VERDICTS),
    gaps: bind(gaps, 'reason', GAP_REASONS),
    deliveries: metrics.counter('roomlog_deliveries_total', 'Events handed to members.'),
    eventFrames: metrics
      .counter('websocket_messages_total', 'Protocol frames, by type and direction.')
      .with({ type: 'event', direction: 'out' }),
    roomWrites: metrics.counter(
      'roomlog_room_writes_total',
      'Socket writes of the live path: one per member and flush window.',
    ),
    historyBytes: metrics.counter(
      'roomlog_history_bytes_read_total',
      'Bytes of records read from Kafka for catching up.',
    ),
    snapshotsLoaded: metrics.counter(
      'roomlog_gateway_snapshots_loaded_total',
      'Snapshots that this gateway read a partition from.',
    ),
    snapshotsRefused: bind(refused, 'reason', REFUSALS),
    historyReads: bind(reads, 'outcome', READS),
    historyWalks: bind(walks, 'outcome', WALKS),
  };
}

function bind<Value extends string>(counter: Counter, label: string, values: readonly Value[]): Record<Value, Counter> {
  return Object.fromEntries(values.map((value) => [value, counter.with({ [label]: value })])) as Record<Value, Counter>;
}
