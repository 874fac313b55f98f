/** Reads partitions of a memory cluster as they grow. */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { LogRecord, Tail, TailOptions } from '../../core/ports/event-log.ts';
import type { MemoryBrokers, MemoryPartition } from './memory-brokers.ts';

/** Records handed over at once, at most. */
const MAX_CHUNK_RECORDS = 500;

export class MemoryTail implements Tail {
  readonly #cluster: MemoryBrokers;
  readonly #options: TailOptions;
  readonly #readers = new Map<Partition, Reader>();
  /** Assigned while no broker answered: begun as soon as one does. */
  readonly #awaiting = new Map<Partition, Offset>();
  readonly #running = new Set<Promise<void>>();
  readonly #onReachability = () => this.#reachabilityChanged();
  #stopped = false;

  constructor(cluster: MemoryBrokers, options: TailOptions) {
    this.#cluster = cluster;
    this.#options = options;
    cluster.reachabilityListeners.add(this.#onReachability);
  }

  assign(partition: Partition, from: Offset): void {
    if (this.#stopped) return;
    this.release(partition);
    if (this.#cluster.unreachable) {
      this.#awaiting.set(partition, from);
      return;
    }
    let source: MemoryPartition;
    try {
      source = this.#cluster.partition(this.#options.topic, partition);
    } catch (error) {
      this.#cluster.defer(() => this.#options.onError(partition, error as RoomlogError));
      return;
    }
    const reader: Reader = {
      source,
      partition,
      next: from,
      paused: false,
      busy: false,
      queued: false,
      told: null,
      wake: () => {},
    };
    reader.wake = () => this.#schedule(reader);
    this.#readers.set(partition, reader);
    source.listeners.add(reader.wake);
    reader.wake();
  }

  release(partition: Partition): void {
    this.#awaiting.delete(partition);
    const reader = this.#readers.get(partition);
    if (!reader) return;
    this.#readers.delete(partition);
    reader.source.listeners.delete(reader.wake);
  }

  pause(partition: Partition): void {
    const reader = this.#readers.get(partition);
    if (reader) reader.paused = true;
  }

  resume(partition: Partition): void {
    const reader = this.#readers.get(partition);
    if (!reader?.paused) return;
    reader.paused = false;
    reader.wake();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cluster.reachabilityListeners.delete(this.#onReachability);
    for (const partition of [...this.#readers.keys()]) this.release(partition);
    await Promise.all(this.#running);
  }

  #reachabilityChanged(): void {
    const stalled = this.#cluster.unreachable;
    this.#cluster.defer(() => {
      if (!this.#stopped) this.#options.onStall?.(stalled ? new RoomlogError('kafka_unreachable') : null);
    });
    if (stalled) return;
    for (const reader of this.#readers.values()) reader.wake();
    const awaiting = [...this.#awaiting];
    this.#awaiting.clear();
    for (const [partition, from] of awaiting) this.assign(partition, from);
  }

  #schedule(reader: Reader): void {
    if (reader.queued || reader.busy) return;
    reader.queued = true;
    this.#cluster.defer(() => {
      reader.queued = false;
      this.#deliver(reader);
    });
  }

  #deliver(reader: Reader): void {
    if (this.#readers.get(reader.partition) !== reader || reader.paused || reader.busy) return;
    if (this.#cluster.unreachable) return;
    const { source, partition } = reader;
    if (reader.next < source.start || reader.next > source.end) {
      this.release(partition);
      const details = { topic: this.#options.topic, partition, offset: reader.next, ...source.range };
      this.#options.onError(partition, new RoomlogError('offset_out_of_range', undefined, { details }));
      return;
    }
    const records = chunk(source, reader.next, source.stable, this.#options.maxPartitionBytes ?? 1_048_576);
    const progress = { next: records.next, end: source.range.end, written: source.end as Offset };
    const told = `${progress.next}/${progress.end}/${progress.written}`;
    if (records.records.length === 0 && reader.told === told) return;
    reader.told = told;
    reader.next = records.next;
    const result = this.#options.onRecords(partition, records.records, progress);
    if (!result) {
      if (reader.next < source.stable) this.#schedule(reader);
      return;
    }
    reader.busy = true;
    const settled = Promise.resolve(result).then(() => {
      reader.busy = false;
      this.#running.delete(settled);
      this.#schedule(reader);
    });
    this.#running.add(settled);
  }
}

interface Reader {
  readonly source: MemoryPartition;
  readonly partition: Partition;
  next: Offset;
  paused: boolean;
  busy: boolean;
  queued: boolean;
  told: string | null;
  wake: () => void;
}

/** The records from `from` on, up to `to` and about `maxBytes`, and where the next chunk starts. */
export function chunk(
  source: MemoryPartition,
  from: Offset,
  to: number,
  maxBytes: number,
): { records: LogRecord[]; next: Offset } {
  const records: LogRecord[] = [];
  let bytes = 0;
  let next: number = from;
  while (next < to && records.length < MAX_CHUNK_RECORDS && (bytes < maxBytes || records.length === 0)) {
    const record = source.at(next);
    next++;
    if (!record) continue;
    records.push(record);
    bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
  }
  return { records, next: next as Offset };
}
