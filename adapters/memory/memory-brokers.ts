/** The state that several memory logs share, as brokers would hold it, and the faults that a test may inject. */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { type Clock, systemClock } from '../../core/ports/clock.ts';
import type { AppendBatch, AppendRecord, LogRecord, OffsetRange } from '../../core/ports/event-log.ts';
import { MemoryGroup } from './memory-group.ts';

/**
 * What becomes of one try to append, decided per try by `MemoryBrokers.onAppend`.
 * - `request_lost`: never arrived; the outcome is unknown to the writer.
 * - `response_lost`: appended; the outcome is unknown to the writer.
 * - `not_appended`, `refused`: as in `AppendOutcome`.
 * - `hold`: arrives once the promise settles (a zombie's late append).
 * - `holdAnswer`: appended now, answered once the promise settles.
 */
export type AppendFault =
  | 'request_lost'
  | 'response_lost'
  | 'not_appended'
  | 'refused'
  | { readonly hold: Promise<unknown> }
  | { readonly holdAnswer: Promise<unknown> };

export interface AppendTry {
  readonly clientId: string;
  readonly topic: string;
  readonly batch: AppendBatch;
}

export interface MemoryBrokersOptions {
  /** Partitions per topic. Default: 1. */
  readonly partitions?: number;
  readonly topics?: readonly string[];
  /** Gives LogAppendTime and heartbeat times. Default: the system's. */
  readonly clock?: Clock;
  /** Defers delivery; a simulator passes its own. Default: setImmediate. */
  readonly defer?: (run: () => void) => void;
  /** Records whose key and value are larger together are refused. Default: 1 MiB. */
  readonly maxRecordBytes?: number;
}

/** Of a producer that uses Kafka's transactions. As long as it is open, nothing from its first record on can be read. */
export interface MemoryTransaction {
  write(record: Partial<AppendRecord>): void;
  commit(): void;
  abort(): void;
}

/** A record, or null where a control record stands: readers go past it and see nothing. */
type Slot = LogRecord | null;

export class MemoryPartition {
  start = 0;
  /** First offsets of transactions that are open. */
  readonly #open = new Set<number>();
  /** `slots[i]` stands at offset `start + i`. */
  readonly slots: Slot[] = [];
  readonly listeners = new Set<() => void>();

  get end(): number {
    return this.start + this.slots.length;
  }

  /** The readable end: before the first open transaction. */
  get stable(): number {
    return this.#open.size === 0 ? this.end : Math.min(...this.#open);
  }

  get range(): OffsetRange {
    return { start: this.start as Offset, end: this.stable as Offset };
  }

  /** From here on nothing is readable until the function that comes back is called. */
  hold(): () => void {
    const first = this.end;
    this.#open.add(first);
    return () => {
      this.#open.delete(first);
      for (const listener of this.listeners) listener();
    };
  }

  /** An aborted record: its offset stays, nobody sees it. */
  hide(offset: Offset): void {
    this.slots[offset - this.start] = null;
  }

  push(timestamp: number, record: AppendRecord | null): Offset {
    const offset = this.end as Offset;
    this.slots.push(record && { offset, timestamp, key: record.key, value: record.value });
    for (const listener of this.listeners) listener();
    return offset;
  }

  at(offset: number): Slot | undefined {
    return this.slots[offset - this.start];
  }
}

export class MemoryBrokers {
  readonly clock: Clock;
  readonly defer: (run: () => void) => void;
  readonly maxRecordBytes: number;
  /** Asked before every append of one partition's batch; undefined lets it through. */
  onAppend: ((attempt: AppendTry) => AppendFault | undefined) | undefined;
  /** While set, every request fails and no tail gets an answer. */
  #unreachable = false;
  readonly reachabilityListeners = new Set<() => void>();
  readonly #topics = new Map<string, MemoryPartition[]>();
  readonly #groups = new Map<string, MemoryGroup>();

  constructor(options: MemoryBrokersOptions = {}) {
    this.clock = options.clock ?? systemClock;
    this.defer = options.defer ?? ((run) => void setImmediate(run));
    this.maxRecordBytes = options.maxRecordBytes ?? 1_048_576;
    for (const topic of options.topics ?? []) this.createTopic(topic, options.partitions ?? 1);
  }

  createTopic(topic: string, partitions: number): void {
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => new MemoryPartition()),
    );
  }

  get unreachable(): boolean {
    return this.#unreachable;
  }

  set unreachable(value: boolean) {
    this.#unreachable = value;
    for (const listener of this.reachabilityListeners) listener();
  }

  partitions(topic: string): readonly MemoryPartition[] {
    if (this.#unreachable) throw new RoomlogError('kafka_unreachable');
    const partitions = this.#topics.get(topic);
    if (!partitions) throw new RoomlogError('topic_missing', undefined, { details: { topic } });
    return partitions;
  }

  partition(topic: string, partition: Partition): MemoryPartition {
    const found = this.partitions(topic)[partition];
    if (!found) throw new RoomlogError('topic_missing', undefined, { details: { topic, partition } });
    return found;
  }

  group(groupId: string, topic: string): MemoryGroup {
    const found = this.#groups.get(groupId) ?? new MemoryGroup(this, topic);
    this.#groups.set(groupId, found);
    return found;
  }

  /** Appends past all faults, as a foreign producer would. */
  write(topic: string, partition: Partition, record: Partial<AppendRecord>): Offset {
    const { key = null, value = null } = record;
    return this.partition(topic, partition).push(this.clock.now(), { key, value });
  }

  /** A transaction marker: takes an offset, never seen. */
  writeControl(topic: string, partition: Partition): Offset {
    return this.partition(topic, partition).push(this.clock.now(), null);
  }

  /** Opens a transaction of a foreign producer; see `MemoryTransaction`. */
  transaction(topic: string, partition: Partition): MemoryTransaction {
    const target = this.partition(topic, partition);
    const release = target.hold();
    const offsets: Offset[] = [];
    const end = (): void => {
      target.push(this.clock.now(), null);
      release();
    };
    return {
      write: ({ key = null, value = null }) => void offsets.push(target.push(this.clock.now(), { key, value })),
      commit: end,
      abort: () => {
        for (const offset of offsets) target.hide(offset);
        end();
      },
    };
  }

  /** Retention: forgets everything below `start`. */
  trim(topic: string, partition: Partition, start: Offset): void {
    const found = this.partition(topic, partition);
    found.slots.splice(0, start - found.start);
    found.start = start;
    for (const listener of found.listeners) listener();
  }

  /** Everything readable in a partition. */
  records(topic: string, partition: Partition): LogRecord[] {
    return this.partition(topic, partition).slots.filter((slot) => slot !== null);
  }
}
