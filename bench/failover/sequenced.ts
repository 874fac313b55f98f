/**
 * What a reader of outbound sees while sequencers come and go: when each partition's events arrive, how late, and under which claim.
 * Publishes at a fixed rate over all partitions, each event with the time at which it should have been published.
 */

import type { Offset, Partition, RoomId, UserId } from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent } from '../../core/log/record.ts';
import type { Topics } from '../../core/names.ts';
import type { AppendRecord, EventLog, LogRecord, Tail } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';
import { intendedTimeIn, payload } from '../load/messages.ts';
import { pace } from '../support/pace.ts';

/** An event that counts, as the reader folded it. Times are performance.now(). */
export interface Sequenced {
  readonly partition: Partition;
  readonly publishedAt: number;
  readonly arrivedAt: number;
  readonly epoch: number;
}

const PAYLOAD_BYTES = 200;
/** Publishes of one turn travel in one request. */
const RETRY_MS = 20;

export class Load {
  readonly sequenced: Sequenced[] = [];
  /** Claims that were read, by partition, with the time. */
  readonly claims: Array<{ readonly partition: Partition; readonly at: number }> = [];
  /** Records that did not count, and faults of the fold. */
  readonly dropped: string[] = [];
  published = 0;
  readonly #log: EventLog;
  readonly #codec: Codec;
  readonly #topics: Topics;
  readonly #folds: Fold[];
  readonly #rooms: readonly RoomId[];
  #tail: Tail | null = null;
  #waiting: Array<{ partition: Partition; record: AppendRecord }> = [];
  #sending = false;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(log: EventLog, codec: Codec, topics: Topics, partitions: number) {
    this.#log = log;
    this.#codec = codec;
    this.#topics = topics;
    this.#folds = Array.from({ length: partitions }, () => new Fold());
    // One room for every partition, so that the load is even.
    const rooms = new Map<Partition, RoomId>();
    for (let i = 0; rooms.size < partitions; i++) {
      const room = `failover/${i}` as RoomId;
      const partition = partitionOf(room, partitions);
      if (!rooms.has(partition)) rooms.set(partition, room);
    }
    this.#rooms = [...rooms.values()];
  }

  start(perSecond: number): void {
    this.#tail = this.#log.tail({
      topic: this.#topics.outbound,
      onRecords: (partition, records) => this.#read(partition, records),
      onError: (partition, error) => void this.dropped.push(`partition ${partition}: ${error.message}`),
    });
    for (const partition of this.#folds.keys()) this.#tail.assign(partition as Partition, 0 as Offset);
    this.#running = pace(
      perSecond,
      Number.POSITIVE_INFINITY,
      (index, intended) => this.#publish(index, intended),
      () => this.#stopped,
    );
  }

  /** Stops publishing; resolves when all that was published has been sequenced, or `withinMs` have passed. */
  async stop(withinMs: number): Promise<void> {
    this.#stopped = true;
    await this.#running;
    const deadline = performance.now() + withinMs;
    while (this.sequenced.length < this.published && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await this.#tail?.stop();
  }

  #publish(index: number, intended: number): void {
    const room = this.#rooms[index % this.#rooms.length] as RoomId;
    const event: InboundEvent = {
      room,
      user: 'bench' as UserId,
      session: null,
      pub: null,
      key: null,
      origin: null,
      event: 'bench',
      contentType: null,
      data: Buffer.from(payload(intended, PAYLOAD_BYTES)),
      expiresAt: null,
      traceparent: null,
    };
    const record = { key: Buffer.from(room), value: this.#codec.encodeInbound(event) };
    this.#waiting.push({ partition: partitionOf(room, this.#folds.length), record });
    this.published++;
    if (!this.#sending) void this.#send();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#waiting.length > 0) {
      const byPartition = new Map<Partition, AppendRecord[]>();
      for (const { partition, record } of this.#waiting.splice(0)) {
        byPartition.set(partition, [...(byPartition.get(partition) ?? []), record]);
      }
      const batches = [...byPartition].map(([partition, records]) => ({ partition, records }));
      for (const outcome of await this.#log.append(this.#topics.inbound, batches)) {
        if (outcome.status === 'appended') continue;
        // The brokers stay up in this bench, so nothing of it can have been appended twice.
        const records = byPartition.get(outcome.partition) ?? [];
        this.#waiting.unshift(...records.map((record) => ({ partition: outcome.partition, record })));
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
    this.#sending = false;
  }

  #read(partition: Partition, records: readonly LogRecord[]): void {
    const arrivedAt = performance.now();
    const fold = this.#folds[partition] as Fold;
    for (const { offset, value } of records) {
      const record = this.#codec.decodeOutbound(value as Buffer);
      if ('unknownSchema' in record) throw new Error('outbound holds a schema that nobody registered');
      const verdict = fold.apply(offset, record);
      if (verdict.kind === 'claim') this.claims.push({ partition, at: arrivedAt });
      else if (verdict.kind !== 'accepted') this.dropped.push(`partition ${partition}: ${verdict.kind}`);
      else if (record.event !== null) {
        const publishedAt = intendedTimeIn(Buffer.from(record.event.data));
        this.sequenced.push({ partition, publishedAt, arrivedAt, epoch: record.epoch });
      }
    }
  }
}
