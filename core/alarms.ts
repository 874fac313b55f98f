/**
 * What an operator must look at: a closed list, each with the way out. An alarm is raised by whoever sees it, as often as it sees it; it is logged
 * and counted once, until it is cleared.
 */
import type { RoomlogError } from './errors.ts';
import type { Partition } from './ids.ts';
import type { Clock } from './ports/clock.ts';
import type { LogSink } from './ports/logger.ts';

/** What to do about each. */
export const ALARMS = {
  epoch_ahead:
    'A claim is missing from outbound, or the log was rewound. Keep the topic as it is; compare its replicas, restore it, and run `roomlog verify`.',
  outbound_truncated:
    'Outbound ends below what was read from it before: it was recreated, or a broker lost acknowledged records. Stop the sequencers, restore the topic, then restart.',
  inbound_recreated:
    'Inbound was deleted and created again, or rewound, under a running sequencer, which may have passed its first records over. `roomlog verify` names them (inbound_unanswered): have them sent again.',
  partition_count:
    'P is fixed for the life of a stream, and the topics, the claims and stream.partitions must agree on it. Recreate what was changed, or start a new stream with another prefix.',
  stream_id:
    'The topics belong to different streams: a wrong prefix, or topics that were mixed up or recreated in part. Restore them, or restart all processes if it was meant.',
  snapshot_ahead:
    'A snapshot is of records that outbound does not hold: outbound was recreated or rewound. Restore it; the snapshot is not used.',
  snapshot_overdue:
    'No snapshot for a quarter of outbound’s retention. Once all of it has passed, nobody can take the partition over: look at why snapshots fail in the sequencer’s log, or raise retention.ms of outbound.',
  clock_ahead:
    'The broker stamps inbound records with a time far ahead of this process. Log time never goes back, so sessions and keys expire early: correct the brokers’ clocks at once.',
  canary_missing:
    'Nothing was sequenced in a partition for three canary intervals (at least 15 s). Publishes to it are refused until it goes on; look at /health of the sequencers.',
} as const;

export type Alarm = keyof typeof ALARMS;

export interface RaisedAlarm {
  readonly alarm: Alarm;
  /** null where it concerns all. */
  readonly partition: Partition | null;
  /** ms since the Unix epoch. */
  readonly since: number;
  readonly found: string;
  readonly wayOut: string;
}

export interface AlarmsOptions {
  readonly logger: LogSink;
  readonly clock: Clock;
  /** Told once each time an alarm begins. */
  readonly onRaised?: (alarm: Alarm) => void;
}

/** Bounded by the alarms there are times P. */
export class Alarms {
  readonly #options: AlarmsOptions;
  readonly #raised = new Map<string, RaisedAlarm>();

  constructor(options: AlarmsOptions) {
    this.#options = options;
  }

  raise(alarm: Alarm, partition: Partition | null, found: string): void {
    const name = nameOf(alarm, partition);
    if (this.#raised.has(name)) return;
    const { logger, clock, onRaised } = this.#options;
    const wayOut = ALARMS[alarm];
    this.#raised.set(name, { alarm, partition, since: clock.now(), found, wayOut });
    logger.error({ alarm, ...(partition === null ? {} : { partition }), found, wayOut }, `ALARM ${alarm}`);
    onRaised?.(alarm);
  }

  /** What it was raised for is over. */
  clear(alarm: Alarm, partition: Partition | null): void {
    if (!this.#raised.delete(nameOf(alarm, partition))) return;
    this.#options.logger.info({ alarm, ...(partition === null ? {} : { partition }) }, `alarm ${alarm} is over`);
  }

  isRaised(alarm: Alarm, partition: Partition | null): boolean {
    return this.#raised.has(nameOf(alarm, partition));
  }

  /** Those that are raised, the oldest first. */
  raised(): RaisedAlarm[] {
    return [...this.#raised.values()];
  }
}

/** Those that a partition's outbound gives rise to, and that are over once it is followed again. */
export const OUTBOUND_ALARMS: readonly Alarm[] = ['epoch_ahead', 'outbound_truncated', 'partition_count', 'stream_id'];

/** The alarm that an error of following outbound is; null where it is none. */
export function alarmOf({ code, details }: RoomlogError): Alarm | null {
  if (details.fault === 'epoch_ahead' || details.fault === 'outbound_truncated') return details.fault;
  if (code === 'partition_mismatch') return 'partition_count';
  if (code === 'stream_mismatch' || details.fault === 'stream_conflict') return 'stream_id';
  return code === 'offset_out_of_range' && isTruncated(details) ? 'outbound_truncated' : null;
}

/** Whether a tail was told that the log ends below where it had read. */
export function isTruncated({ end, offset }: Readonly<Record<string, unknown>>): boolean {
  return typeof end === 'number' && typeof offset === 'number' && end < offset;
}

const nameOf = (alarm: Alarm, partition: Partition | null): string => `${alarm}/${partition ?? ''}`;
