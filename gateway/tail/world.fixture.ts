import { createHash } from 'node:crypto';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { createMetrics } from '../../adapters/telemetry/metrics.ts';
import { Alarms } from '../../core/alarms.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent, OutboundRecord } from '../../core/log/record.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { AnchorsOptions } from '../history/anchors.ts';
import type { PublishOutcomes, RoomStream, StoredEvent } from '../stream.ts';
import { createRoomStream } from './room-stream.ts';
import { codec, inboundEvent, ORIGIN_TAG, SNAPSHOTS, T0, TestSequencer, TOPIC } from './test-sequencer.fixture.ts';
import { TestSink } from './test-sink.fixture.ts';

export interface WorldOptions {
  readonly partitions?: number;
  readonly gateway?: Record<string, unknown>;
  readonly anchors?: AnchorsOptions;
  readonly codec?: Codec;
  readonly historyCacheBytes?: number;
  /** How far the event loop pretends to be behind, 0 to 1: at 1 every window is as long as it may be. */
  readonly pressure?: number;
}

export class World {
  readonly log: MemoryLog;
  readonly partitions: number;
  readonly streamId: string;
  readonly sequencers: readonly TestSequencer[];
  readonly #options: WorldOptions;
  readonly #streams: RoomStream[] = [];
  readonly metrics = createMetrics();
  /** The gateways' wall clock, ms since the Unix epoch. */
  now = T0;
  readonly alarms = new Alarms({ logger: silentLog, clock: systemClock });
  readonly published: StoredEvent[] = [];
  readonly answered: Array<Parameters<PublishOutcomes['onAnswer']>[0]> = [];

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.partitions = options.partitions ?? 1;
    this.log = new MemoryLog({ topics: [TOPIC, SNAPSHOTS], partitions: this.partitions });
    const nonce = createHash('md5').update('stream').digest();
    this.streamId = nonce.toString('hex');
    this.sequencers = Array.from(
      { length: this.partitions },
      (_, number) => new TestSequencer(this.log, number as Partition, this.streamId),
    );
    this.sequencers.forEach((sequencer, number) => {
      if (number === 0) sequencer.claim('', nonce);
      sequencer.claim();
    });
  }

  of(room: string): TestSequencer {
    return this.sequencers[partitionOf(room as RoomId, this.partitions)] as TestSequencer;
  }

  publish(room: string, data: unknown, more: Partial<InboundEvent> = {}): { offset: Offset; record: OutboundRecord } {
    return this.of(room).sequence(inboundEvent(room, data, more));
  }

  publishMany(room: string, count: number, more: Partial<InboundEvent> = {}): Offset[] {
    return Array.from({ length: count }, (_, index) => this.publish(room, { index }, more).offset);
  }

  createStream(gateway: Record<string, unknown> = {}): RoomStream {
    const config = configSchema.parse({ gateway: { cursorWaitMs: 500, ...this.#options.gateway, ...gateway } });
    const stream = createRoomStream({
      log: this.log.cluster.open('gateway'),
      codec: this.#options.codec ?? codec,
      topics: { outbound: TOPIC, snapshots: SNAPSHOTS },
      partitions: this.partitions,
      originTag: ORIGIN_TAG,
      outcomes: { onEvent: (event) => this.published.push(event), onAnswer: (answer) => this.answered.push(answer) },
      config,
      logger: silentLog,
      metrics: this.metrics,
      alarms: this.alarms,
      clock: { now: () => this.now, monotonic: systemClock.monotonic },
      pressure: () => this.#options.pressure ?? 0,
      failingAfterMs: 0,
      historyCacheBytes: this.#options.historyCacheBytes ?? 16_777_216,
      ...(this.#options.anchors && { anchors: this.#options.anchors }),
    });
    this.#streams.push(stream);
    return stream;
  }

  async openStream(gateway: Record<string, unknown> = {}): Promise<RoomStream> {
    const stream = this.createStream(gateway);
    await stream.start();
    return stream;
  }

  /** Resolves once the stream has folded all that is written, and given it to those who are live. */
  async settled(stream: RoomStream): Promise<void> {
    const total = (): number =>
      this.log.cluster
        .partitions(TOPIC)
        .reduce((sum, one) => sum + one.slots.filter((slot) => slot !== null).length, 0);
    await until(() => stream.stats().foldedRecords >= total());
    await new Promise((resolve) => setImmediate(resolve));
  }

  async metric(name: string): Promise<number> {
    const text = await this.metrics.render();
    const values = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
    return values.reduce((sum, line) => sum + Number(line.split(' ')[1]), 0);
  }

  async close(): Promise<void> {
    await Promise.all(this.#streams.map((stream) => stream.stop()));
    await this.log.close();
  }
}

/** Waits for a condition; fails after `timeoutMs`. */
export async function until(condition: () => boolean, timeoutMs = 5_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export const joinRoom = async (
  stream: RoomStream,
  room: string,
  start: Parameters<RoomStream['subscribe']>[1],
  sink: TestSink = new TestSink(),
): Promise<{ sink: TestSink; subscription: Awaited<ReturnType<RoomStream['subscribe']>> }> => {
  const subscription = await stream.subscribe(room as RoomId, start, sink);
  subscription.begin();
  return { sink, subscription };
};
