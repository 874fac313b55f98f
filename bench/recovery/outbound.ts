/** All outbound partitions of a bench's own stream: filled fast, then written to at a rate while somebody measures. */
import { randomBytes } from 'node:crypto';
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { openCodec } from '../../adapters/registry/open-codec.ts';
import { Shelf } from '../../adapters/snapshots/shelf.ts';
import { writeSnapshot } from '../../adapters/snapshots/write.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import { type Topics, topicsOf } from '../../core/names.ts';
import type { AppendRecord, EventLog } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { machineNow } from '../support/machine-clock.ts';
import { pace } from '../support/pace.ts';
import { ChainWriter } from './chain-writer.ts';

export class BenchOutbound {
  readonly #log: EventLog;
  readonly #codec: Codec;
  readonly #topics: Topics;
  readonly #batchBytes: number;
  readonly #writers: readonly ChainWriter[];
  readonly #shelves: readonly Shelf[];
  readonly #filling = new Map<Partition, { records: AppendRecord[]; bytes: number }>();
  #sent: Promise<void> = Promise.resolve();
  #live: Array<{ room: RoomId; intendedMs: number }> = [];

  /** @param batchBytes of the batches in which it is filled, about */
  constructor(log: EventLog, codec: Codec, topics: Topics, partitions: number, batchBytes: number) {
    const nonce = randomBytes(16);
    const about = { codec, partitions, streamId: nonce.toString('hex'), nonce };
    this.#log = log;
    this.#codec = codec;
    this.#topics = topics;
    this.#batchBytes = batchBytes;
    this.#writers = Array.from(
      { length: partitions },
      (_, number) => new ChainWriter({ ...about, partition: number as Partition }),
    );
    this.#shelves = this.#writers.map(() => new Shelf());
  }

  static async open(config: Config, batchBytes: number): Promise<BenchOutbound> {
    const log = await openKafkaLog(config, { clientId: 'bench', logger: silentLog });
    const codec = await openCodec(config, silentLog);
    return new BenchOutbound(log, codec, topicsOf(config.stream.prefix), config.stream.partitions, batchBytes);
  }

  of(room: RoomId): ChainWriter {
    return this.#writers[partitionOf(room, this.#writers.length)] as ChainWriter;
  }

  get writers(): readonly ChainWriter[] {
    return this.#writers;
  }

  /** Adds an event; it is in the log after `filled`. Resolves when more can be taken. */
  async add(room: RoomId, data: Buffer, timeMs: number): Promise<void> {
    const writer = this.of(room);
    const batch = this.#filling.get(writer.partition) ?? { records: [], bytes: 0 };
    this.#filling.set(writer.partition, batch);
    for (const record of writer.event(room, data, timeMs)) {
      batch.records.push(record);
      batch.bytes += record.value?.length ?? 0;
    }
    if (batch.bytes < this.#batchBytes) return;
    this.#filling.delete(writer.partition);
    // The next batch is made while this one is on its way.
    const before = this.#sent;
    this.#sent = before.then(() => this.#append([{ partition: writer.partition, records: batch.records }]));
    this.#sent.catch(() => {});
    await before;
  }

  /** Resolves when all that was added is in the log. */
  async filled(): Promise<void> {
    await this.#sent;
    const rest = [...this.#filling].map(([partition, { records }]) => ({ partition, records }));
    this.#filling.clear();
    for (const batch of rest) await this.#append([batch]);
  }

  /** Gateways that start from now on know all up to here, and have nothing of it in their rings. */
  async snapshot(): Promise<void> {
    for (const writer of this.#writers) {
      if (writer.next === 0) continue;
      const { capture, anchors } = writer.snapshot();
      await writeSnapshot({
        log: this.#log,
        codec: this.#codec,
        topic: this.#topics.snapshots,
        capture,
        poison: [],
        anchors,
        bytesSinceClaim: 0,
        takenAt: Date.now(),
        shelf: this.#shelves[writer.partition] as Shelf,
        keep: null as Offset | null,
        mayLeave: () => true,
        turn: () => new Promise((resolve) => setImmediate(resolve)),
      });
    }
  }

  /** Sends events to rooms in turn, by the clock, until `isOver`: their data tells when they should have been sent. */
  async send(rooms: readonly RoomId[], perSecond: number, payloadBytes: number, isOver: () => boolean): Promise<void> {
    const toMachine = machineNow() - performance.now();
    let sending = true;
    const paced = pace(
      perSecond,
      Number.POSITIVE_INFINITY,
      (index, intendedAt) => {
        this.#live.push({ room: rooms[index % rooms.length] as RoomId, intendedMs: intendedAt + toMachine });
      },
      isOver,
    ).then(() => {
      sending = false;
    });
    while (sending || this.#live.length > 0) {
      if (this.#live.length === 0) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        continue;
      }
      const batches = new Map<Partition, AppendRecord[]>();
      for (const { room, intendedMs } of this.#live.splice(0)) {
        const writer = this.of(room);
        const records = batches.get(writer.partition) ?? [];
        batches.set(writer.partition, records);
        const head = `{"t":${intendedMs},"x":"`;
        const data = Buffer.from(`${head}${'x'.repeat(Math.max(0, payloadBytes - head.length - 2))}"}`);
        records.push(...writer.event(room, data, Date.now()));
      }
      await this.#append([...batches].map(([partition, records]) => ({ partition, records })));
    }
    await paced;
  }

  close(): Promise<void> {
    return this.#log.close();
  }

  async #append(batches: ReadonlyArray<{ partition: Partition; records: readonly AppendRecord[] }>): Promise<void> {
    for (const outcome of await this.#log.append(this.#topics.outbound, batches)) {
      if (outcome.status !== 'appended') throw outcome.error;
    }
  }
}
