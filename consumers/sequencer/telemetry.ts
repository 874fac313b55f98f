/** The sequencer's metrics by their Prometheus names. */
import type { Metrics } from '../../adapters/telemetry/metrics.ts';
import type { SequencerMetrics } from './metrics.ts';
import type { Sequencer } from './sequencer.ts';

export function countInto(metrics: Metrics): SequencerMetrics {
  const sequenced = metrics.counter('roomlog_sequenced_total', 'Inbound records answered and read back, by kind.');
  const kinds = {
    event: sequenced.with({ kind: 'event' }),
    answer: sequenced.with({ kind: 'answer' }),
    poison: sequenced.with({ kind: 'poison' }),
  };
  const claims = metrics.counter('roomlog_claims_total', 'Own claims that were read back.');
  const fences = metrics.counter('roomlog_fenced_total', 'Later claims that ended an epoch of ours.');
  const poison = metrics.counter('roomlog_poison_total', 'Inbound records that could not be sequenced, by reason.');
  const letters = metrics.counter('roomlog_dead_letters_total', 'Dead letters written.');
  const retries = metrics.counter('roomlog_append_retries_total', 'Batches that were not confirmed, by outcome.');
  const dropped = metrics.counter('roomlog_dropped_total', 'Outbound records that do not count, by kind.');
  const faults = metrics.counter('roomlog_fold_faults_total', 'Times that outbound could not be folded on.');
  const append = metrics.histogram('roomlog_append_ms', 'One append to outbound, from send to answer.');
  const batch = metrics.histogram(
    'roomlog_sequencer_latency_ms',
    'One batch, from the arrival of its newest inbound record to its read-back.',
  );
  const snapshots = metrics.counter('roomlog_snapshots_total', 'Snapshots written.');
  const snapshotFailures = metrics.counter('roomlog_snapshot_failures_total', 'Snapshots given up, by error code.');
  const snapshotRefusals = metrics.counter('roomlog_snapshots_refused_total', 'Snapshots not believed, by reason.');
  const snapshotMs = metrics.histogram('roomlog_snapshot_ms', 'One snapshot, from its capture to its manifest.');
  const canary = metrics.histogram(
    'roomlog_canary_round_trip_ms',
    'A canary of this sequencer, from its append to inbound to its read-back from outbound.',
  );
  return {
    sequenced: (kind, count) => kinds[kind].add(count),
    claimed: () => claims.add(),
    fenced: () => fences.add(),
    poisoned: (reason) => poison.add(1, { reason }),
    deadLettered: () => letters.add(),
    retried: (status) => retries.add(1, { status }),
    dropped: (kind, count) => dropped.add(count, { kind }),
    foldFault: () => faults.add(),
    snapshotWritten: (_bytes, ms) => {
      snapshots.add();
      snapshotMs.record(ms);
    },
    snapshotFailed: (code) => snapshotFailures.add(1, { code }),
    snapshotRefused: (reason) => snapshotRefusals.add(1, { reason }),
    appendMs: (ms) => append.record(ms),
    canaryMs: (ms) => canary.record(ms),
    batchMs: (ms) => batch.record(ms),
  };
}

/** What is read when somebody looks. */
export function gaugeFrom(metrics: Metrics, sequencer: Sequencer): void {
  metrics.gauge(
    'roomlog_sequencer_partitions',
    'Partitions that this sequencer owns.',
    () => sequencer.report().owned.length,
  );
  metrics.gauge(
    'roomlog_sequencer_halted',
    'Partitions that wait for an operator.',
    () => sequencer.report().partitions.filter(({ state }) => state === 'halted').length,
  );
  metrics.gauge('roomlog_sequencer_lag_records', 'Inbound records not answered yet, by partition.', () =>
    sequencer
      .report()
      .partitions.filter(({ state, lagRecords }) => state === 'processing' && lagRecords !== null)
      .map(({ partition, lagRecords }) => [lagRecords ?? 0, { partition }] as const),
  );
  const owned = () => {
    const { owned, partitions } = sequencer.report();
    return partitions.filter(({ partition }) => owned.includes(partition));
  };
  metrics.gauge('roomlog_snapshot_age_seconds', 'Since the newest snapshot of an owned partition, by partition.', () =>
    owned().flatMap(({ partition, snapshot }) =>
      snapshot === null ? [] : [[Math.max(0, Date.now() - snapshot.takenAt) / 1_000, { partition }] as const],
    ),
  );
  metrics.gauge('roomlog_snapshot_bytes', 'Of the newest snapshot that this process wrote, by partition.', () =>
    owned().flatMap(({ partition, snapshot }) =>
      snapshot?.bytes == null ? [] : [[snapshot.bytes, { partition }] as const],
    ),
  );
  metrics.gauge(
    'roomlog_snapshots_overdue',
    'Owned partitions without a snapshot for a quarter of outbound’s retention.',
    () => owned().filter(({ snapshotOverdue }) => snapshotOverdue).length,
  );
  metrics.gauge('roomlog_sequencer_rooms', 'Rooms in the partitions that are folded here.', () =>
    sequencer.report().partitions.reduce((sum, { rooms }) => sum + rooms, 0),
  );
}
