/**
 * The log port in memory, for unit tests and simulation: same contract, a controllable clock, faults on demand.
 *
 * `new MemoryLog({ topics: ['a'], partitions: 4 })` makes a cluster of its own; `log.cluster.open('other')` is another client of it.
 */
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import {
  type AppendBatch,
  type AppendOutcome,
  type EventLog,
  type GroupOptions,
  heldBack,
  type LogRecord,
  type OffsetRange,
  type RangeOptions,
  type Tail,
  type TailOptions,
} from '../../core/ports/event-log.ts';
import { MemoryBrokers, type MemoryBrokersOptions } from './memory-brokers.ts';
import type { MemoryMember } from './memory-group.ts';
import { chunk, MemoryTail } from './memory-tail.ts';

/** Brokers that hand out clients of themselves. */
export class MemoryCluster extends MemoryBrokers {
  open(clientId: string): MemoryLog {
    return new MemoryLog(this, clientId);
  }
}

export class MemoryLog implements EventLog {
  readonly cluster: MemoryCluster;
  readonly clientId: string;
  readonly #tails = new Set<Tail>();
  readonly #members = new Set<MemoryMember>();
  #closed = false;

  constructor(cluster: MemoryCluster | MemoryBrokersOptions = {}, clientId = 'memory') {
    this.cluster = cluster instanceof MemoryCluster ? cluster : new MemoryCluster(cluster);
    this.clientId = clientId;
  }

  async partitionCount(topic: string): Promise<number> {
    return this.cluster.partitions(topic).length;
  }

  async ranges(topic: string, partitions?: readonly Partition[]): Promise<Map<Partition, OffsetRange>> {
    return new Map(this.#select(topic, partitions).map((p) => [p, this.cluster.partition(topic, p).range]));
  }

  async offsetsAt(topic: string, timeMs: number, partitions?: readonly Partition[]): Promise<Map<Partition, Offset>> {
    return new Map(
      this.#select(topic, partitions).map((p) => {
        const source = this.cluster.partition(topic, p);
        const found = source.slots.find((slot) => slot !== null && slot.timestamp >= timeMs);
        return [p, Math.min(found?.offset ?? source.end, source.stable) as Offset];
      }),
    );
  }

  async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
    // As over a network: nothing is appended in the caller's own turn.
    await new Promise<void>((resolve) => this.cluster.defer(resolve));
    return Promise.all(batches.map((batch) => this.#appendOne(topic, batch)));
  }

  tail(options: TailOptions): Tail {
    const tail = new MemoryTail(this.cluster, options);
    this.#tails.add(tail);
    return tail;
  }

  async *readRange(options: RangeOptions): AsyncGenerator<readonly LogRecord[]> {
    const source = this.cluster.partition(options.topic, options.partition);
    const to = Math.min(options.to, source.stable);
    let next = options.from;
    while (next < to) {
      await new Promise<void>((resolve) => this.cluster.defer(resolve));
      if (options.signal?.aborted) return;
      if (this.cluster.unreachable) throw new RoomlogError('kafka_unreachable');
      if (next < source.start) {
        const details = { topic: options.topic, partition: options.partition, offset: next, ...source.range };
        throw new RoomlogError('offset_out_of_range', undefined, { details });
      }
      const read = chunk(source, next, to, options.maxBytesPerFetch ?? 1_048_576);
      next = read.next;
      if (read.records.length === 0) continue;
      yield options.keys === false ? read.records.map((record) => ({ ...record, key: null })) : read.records;
      if (options.oneFetch === true) return;
    }
  }

  async joinGroup(options: GroupOptions): Promise<MemoryMember> {
    if (this.cluster.unreachable) throw new RoomlogError('kafka_unreachable');
    const member = this.cluster.group(options.groupId, options.topic).join(this.clientId, options);
    this.#members.add(member);
    return member;
  }

  reachable(): boolean {
    return !this.cluster.unreachable;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#tails].map((tail) => tail.stop()));
    await Promise.all([...this.#members].map((member) => member.leave()));
  }

  #select(topic: string, partitions?: readonly Partition[]): readonly Partition[] {
    return partitions ?? this.cluster.partitions(topic).map((_, number) => number as Partition);
  }

  async #appendOne(topic: string, batch: AppendBatch): Promise<AppendOutcome> {
    const { partition } = batch;
    const fail = (status: 'not_appended' | 'unknown' | 'refused', error: RoomlogError): AppendOutcome => ({
      partition,
      status,
      error,
    });
    const lost = () => fail('unknown', new RoomlogError('kafka_unreachable', 'No answer came (injected).'));
    if (this.#closed || this.cluster.unreachable) return fail('not_appended', new RoomlogError('kafka_unreachable'));
    if (batch.mayLeave?.() === false) return heldBack(partition);
    const fault = this.cluster.onAppend?.({ clientId: this.clientId, topic, batch });
    if (fault === 'request_lost') return lost();
    if (fault === 'not_appended') return fail('not_appended', new RoomlogError('kafka_unreachable', 'Injected.'));
    if (fault === 'refused') return fail('refused', new RoomlogError('kafka_refused', 'Injected.'));
    if (typeof fault === 'object' && 'hold' in fault) await fault.hold;
    const tooLarge = batch.records.some(
      (r) => (r.key?.length ?? 0) + (r.value?.length ?? 0) > this.cluster.maxRecordBytes,
    );
    if (tooLarge) return fail('refused', new RoomlogError('too_large'));
    let baseOffset: Offset;
    try {
      const target = this.cluster.partition(topic, partition);
      const now = this.cluster.clock.now();
      baseOffset = target.end as Offset;
      for (const record of batch.records) target.push(now, record);
    } catch (error) {
      const known = asRoomlogError(error, 'kafka_unreachable');
      return fail(known.code === 'topic_missing' ? 'refused' : 'not_appended', known);
    }
    if (fault === 'response_lost') return lost();
    if (typeof fault === 'object' && 'holdAnswer' in fault) await fault.holdAnswer;
    return { partition, status: 'appended', baseOffset };
  }
}
