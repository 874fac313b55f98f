/**
 * The log, as narrowly as Roomlog needs it: append, tail, read a range, offsets by time, and a group that only decides
 * who owns a partition. Reading and writing is by partition and offset, never by group. Implementations:
 * `adapters/kafka` (on kafkajs or @platformatic/kafka) and `adapters/memory`; one contract suite (`test/contract/event-log.ts`) runs against both.
 */
import { RoomlogError } from '../errors.ts';
import type { Offset, Partition } from '../ids.ts';

export interface LogRecord {
  readonly offset: Offset;
  /** LogAppendTime, ms since the Unix epoch. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export interface AppendRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface AppendBatch {
  readonly partition: Partition;
  readonly records: readonly AppendRecord[];
  /**
   * Asked when the request is made, after all waiting for leaders and connections. Once it says no, nothing of this batch is sent,
   * and its outcome is `not_appended`. Absent: it may always leave.
   */
  readonly mayLeave?: () => boolean;
}

/** The outcome of a batch that was not sent since its `mayLeave` said no. */
export function heldBack(partition: Partition): AppendOutcome {
  const error = new RoomlogError('kafka_unreachable', 'It was not sent: its writer may not write any more.');
  return { partition, status: 'not_appended', error };
}

/**
 * One partition's outcome of one try.
 * - `appended`: in the log, replicated (acks=all), from `baseOffset` on, contiguous.
 * - `not_appended`: surely not in the log, and a later try may succeed (not leader, too few in-sync replicas before the append).
 * - `unknown`: no answer, or one that does not tell. An identical retry, or a read of the log, has to decide.
 * - `refused`: surely not in the log and never will be as it stands (too large, not authorised, no such topic).
 */
export type AppendOutcome =
  | { readonly partition: Partition; readonly status: 'appended'; readonly baseOffset: Offset }
  | {
      readonly partition: Partition;
      readonly status: 'not_appended' | 'unknown' | 'refused';
      readonly error: RoomlogError;
    };

export interface OffsetRange {
  /** The oldest retained offset. */
  readonly start: Offset;
  /** One past the newest readable (committed, replicated) record. */
  readonly end: Offset;
}

export interface TailProgress {
  /** The next offset that this tail will ask for; may be past the last record handed over (control records). */
  readonly next: Offset;
  /** The partition's readable end as the broker said it with this answer. */
  readonly end: Offset;
  /**
   * One past the newest replicated record. Above `end` while a transaction of some producer is open: what lies between can't be read,
   * by anybody, until it is committed or aborted. Absent: as `end`.
   */
  readonly written?: Offset;
}

export interface TailOptions {
  readonly topic: string;
  /**
   * Hands over records in offset order, per partition never concurrently. An empty array reports progress only (first
   * answer, caught up, control records). A returned promise holds this partition's next fetch back until it settles.
   */
  onRecords(partition: Partition, records: readonly LogRecord[], progress: TailProgress): void | Promise<void>;
  /**
   * The partition has stopped and must be assigned again to go on. Codes: `offset_out_of_range` (with
   * `details.start`, `details.end`), `topic_missing`, `corrupt_record`. Faults that heal by themselves (a broker away) are
   * retried for ever, and seen in `onStall`.
   */
  onError(partition: Partition, error: RoomlogError): void;
  /**
   * Called when no broker has answered for some partitions for a while (`details.partitions`; absent: all), again whenever
   * that set changes, and with null when all are answered.
   */
  onStall?(error: RoomlogError | null): void;
  /** Bytes asked for per partition and fetch. Default: 1 MiB. */
  readonly maxPartitionBytes?: number;
  /** How long a broker may hold an empty answer back. Default: `kafka.maxWaitMs`. */
  readonly maxWaitMs?: number;
  /** How long the next fetch waits behind an answer that had records, ms, so that what comes meanwhile shares it. Asked before each. Default: 0. */
  restMs?(): number;
  /** Records handed over at a time; what waits behind a promise of `onRecords` is not decoded yet. Default: the adapter's. */
  readonly sliceRecords?: number;
  /**
   * For a topic that this log appends to as well. What comes back byte for byte as it was appended has the very buffers of `append` for keys
   * and values: nothing has to be decoded, and they may be kept as long as those. Not promised.
   */
  readonly echoes?: boolean;
}

export interface Tail {
  /** Starts reading a partition at `from`, or moves it there. */
  assign(partition: Partition, from: Offset): void;
  /** Stops reading it. No `onRecords` for it comes after this returns. */
  release(partition: Partition): void;
  pause(partition: Partition): void;
  resume(partition: Partition): void;
  /** Ends all reading; resolves when no handler runs any more. */
  stop(): Promise<void>;
}

export interface GroupOptions {
  readonly groupId: string;
  readonly topic: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  /** The whole set now owned, after every join; [] when the membership was lost. */
  onAssignment(partitions: readonly Partition[], generation: number): void;
  onError(error: RoomlogError): void;
}

export interface GroupMember {
  readonly generation: number;
  /**
   * Clock.monotonic() of the moment the last *successful* heartbeat (or join) of this generation was sent; -Infinity if none. One that was
   * answered by "the group waits for its members" counts: until they all came nobody is given anything.
   */
  readonly lastHeartbeatAt: number;
  /** Publishes progress for lag displays only; failures are swallowed and counted. */
  commit(positions: ReadonlyMap<Partition, Offset>): void;
  leave(): Promise<void>;
}

export interface RangeOptions {
  readonly topic: string;
  readonly partition: Partition;
  readonly from: Offset;
  /** Exclusive. */
  readonly to: Offset;
  readonly maxBytesPerFetch?: number;
  /** Ends once a fetch has brought records, all of which are yielded: what it has is not cut off, and nothing is asked for that may not be needed. */
  readonly oneFetch?: boolean;
  /** Asks for the next fetch as soon as one has come, so that whoever reads everything never waits for the broker: a fetch more in memory. */
  readonly fetchAhead?: boolean;
  /** False: every `key` is null, for who has no use for them; to make one of each costs as much as to read some fields. Default: true. */
  readonly keys?: boolean;
  readonly signal?: AbortSignal;
}

export interface EventLog {
  /** Number of partitions. Throws `topic_missing`, `kafka_unreachable`. */
  partitionCount(topic: string): Promise<number>;
  /** The readable range of each partition. Throws `topic_missing`, `kafka_unreachable`. */
  ranges(topic: string, partitions?: readonly Partition[]): Promise<Map<Partition, OffsetRange>>;
  /** The first offset whose timestamp is >= `timeMs`; the end where there is none. */
  offsetsAt(topic: string, timeMs: number, partitions?: readonly Partition[]): Promise<Map<Partition, Offset>>;
  /** One try, acks=all, one request per broker for all batches; never retries, never throws for a partition's fault. */
  append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]>;
  tail(options: TailOptions): Tail;
  /**
   * Yields the records of [from, to) in chunks. Ends at `to`, or at the readable end as of the call. Throws
   * `offset_out_of_range` when `from` is before the oldest retained record: never a silent jump.
   */
  readRange(options: RangeOptions): AsyncIterable<readonly LogRecord[]>;
  joinGroup(options: GroupOptions): Promise<GroupMember>;
  /** True while some broker answered within the last few seconds or the log is idle. */
  reachable(): boolean;
  close(): Promise<void>;
}
