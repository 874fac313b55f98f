/** For tests of the stream half: a memory log, a sequencer that writes it by the real decision, and sinks that remember. */
import { Buffer } from 'node:buffer';
import { createHash, randomBytes } from 'node:crypto';
import { constants, inflateRawSync } from 'node:zlib';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { createMetrics } from '../../adapters/telemetry/metrics.ts';
import { Alarms } from '../../core/alarms.ts';
import { configSchema } from '../../core/config/schema.ts';
import {
  type Epoch,
  NO_EPOCH,
  NO_OFFSET,
  type Offset,
  type Partition,
  type RoomId,
  type UserId,
} from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent, OutboundRecord } from '../../core/log/record.ts';
import { FOLD_VERSION } from '../../core/log/record.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { Decider } from '../../core/sequencing/decide.ts';
import { type Codec, createCodec } from '../../schemas/codec.ts';
import type { AnchorsOptions } from '../history/anchors.ts';
import { jsonEncoding } from '../protocol/json.ts';
import type { PublishOutcomes, RoomStream, SharedDeflate, Sink, StoredEvent } from '../stream.ts';
import { createRoomStream } from './room-stream.ts';

export const TOPIC = 'test.outbound';
export const SNAPSHOTS = 'test.snapshots';
export const LIMITS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
/** Log times of tests start here, one millisecond an event. */
export const T0 = 1_800_000_000_000;
export const ORIGIN_TAG = Buffer.from('0102030405060708', 'hex');

export const codec: Codec = createCodec({
  inboundId: 1,
  outboundId: 2,
  deadLetterId: 3,
  snapshotId: 4,
  store: { known: () => undefined, load: async () => '' },
});

export const inboundEvent = (room: string, data: unknown, more: Partial<InboundEvent> = {}): InboundEvent => ({
  room: room as RoomId,
  user: 'alice' as UserId,
  session: null,
  pub: null,
  key: null,
  origin: null,
  event: 'said',
  contentType: null,
  data: Buffer.from(JSON.stringify(data)),
  expiresAt: null,
  traceparent: null,
  ...more,
});

/** Writes one outbound partition as a sequencer does. */
export class TestSequencer {
  readonly partition: Partition;
  readonly #log: MemoryLog;
  readonly #streamId: string;
  fold = new Fold({ publishers: LIMITS });
  decider = new Decider(this.fold, LIMITS);
  inbound = 0;
  /** Every record written, in order. */
  readonly written: OutboundRecord[] = [];

  constructor(log: MemoryLog, partition: Partition, streamId: string) {
    this.#log = log;
    this.partition = partition;
    this.#streamId = streamId;
  }

  /** Appends as is, past the fold of this sequencer. */
  append(record: OutboundRecord): Offset {
    const offset = this.#log.cluster.write(TOPIC, this.partition, { value: codec.encodeOutbound(record) });
    this.written.push(record);
    return offset;
  }

  claim(streamId: string = this.#streamId, nonce: Uint8Array = randomBytes(16), canaryIntervalMs = 0): Offset {
    const record: OutboundRecord = {
      epoch: NO_EPOCH,
      inbound: NO_OFFSET,
      prevInbound: NO_OFFSET,
      inboundTime: 0,
      claim: {
        nonce,
        streamId,
        foldVersion: FOLD_VERSION,
        partitions: this.#log.cluster.partitions(TOPIC).length,
        canaryIntervalMs,
      },
      event: null,
      answer: null,
      skipped: null,
    };
    const offset = this.append(record);
    this.fold.apply(offset, record);
    return offset;
  }

  /** Decides the next inbound record and appends what comes of it. */
  sequence(event: InboundEvent): { offset: Offset; record: OutboundRecord } {
    const inbound = this.inbound++ as Offset;
    const inboundTime = T0 + inbound;
    const { epoch, lastInbound } = this.fold.chain;
    const decision = this.decider.decide(inbound, inboundTime, event);
    const header = { epoch: epoch as Epoch, inbound, prevInbound: lastInbound, inboundTime };
    const record: OutboundRecord = { ...header, claim: null, event: null, answer: null, skipped: null, ...decision };
    const offset = this.append(record);
    this.fold.apply(offset, record);
    return { offset, record };
  }
}

/** A client as the stream sees it: frames in, and a socket whose kernel takes what it is told to. */
export class TestSink implements Sink {
  readonly frames: Array<Record<string, unknown>> = [];
  writes = 0;
  closed = false;
  closeCode: number | null = null;
  readonly encoding = jsonEncoding;
  readonly batch: boolean;
  readonly deflate: SharedDeflate | null;
  /** While stalled, what is sent stays buffered. */
  stalled = false;
  #buffered = 0;
  #waiting: Array<{ bytes: number; resolve: () => void }> = [];

  constructor(batch = false, deflate: SharedDeflate | null = null) {
    this.batch = batch;
    this.deflate = deflate;
  }

  sendFrame(frame: Buffer): void {
    if (this.closed) return;
    this.writes += 1;
    this.frames.push(JSON.parse(frame.toString()));
    if (this.stalled) this.#buffered += frame.length;
  }

  sendFramed(frames: Buffer): void {
    if (this.closed) return;
    this.writes += 1;
    for (const text of unframe(frames)) this.frames.push(JSON.parse(text));
    if (this.stalled) this.#buffered += frames.length;
  }

  writeOut(): void {}

  bufferedBytes(): number {
    return this.#buffered;
  }

  drained(bytes: number): Promise<void> {
    if (this.closed || this.#buffered < bytes) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ bytes, resolve }));
  }

  /** The kernel takes all but `left` bytes. */
  drain(left = 0): void {
    this.#buffered = Math.min(this.#buffered, left);
    const ready = this.#waiting.filter(({ bytes }) => this.#buffered < bytes || this.closed);
    this.#waiting = this.#waiting.filter((waiting) => !ready.includes(waiting));
    for (const { resolve } of ready) resolve();
  }

  flow(): void {
    this.stalled = false;
    this.drain();
  }

  close(code: number): void {
    this.closed = true;
    this.closeCode ??= code;
    this.drain();
  }

  /** Frames of a type; the events of batches included. */
  of(type: string): Array<Record<string, unknown>> {
    return this.flat().filter((frame) => frame.type === type);
  }

  flat(): Array<Record<string, unknown>> {
    return this.frames.flatMap((frame) =>
      frame.type === 'batch' ? (frame.events as Array<Record<string, unknown>>) : [frame],
    );
  }

  seqs(room?: string): number[] {
    return this.of('event')
      .filter((event) => room === undefined || event.room === room)
      .map((event) => event.seq as number);
  }
}

/** The texts of whole, unmasked WebSocket messages; written from RFC 6455 and RFC 7692, not from our writer. */
export function unframe(bytes: Buffer): string[] {
  const texts: string[] = [];
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at] as number;
    if (first !== 0x81 && first !== 0xc1) throw new Error(`not a final text frame at ${at}`);
    let length = bytes[at + 1] as number;
    at += 2;
    if (length === 126) {
      length = bytes.readUInt16BE(at);
      at += 2;
    } else if (length === 127) {
      length = Number(bytes.readBigUInt64BE(at));
      at += 8;
    }
    const payload = bytes.subarray(at, at + length);
    texts.push((first === 0xc1 ? inflateMessage(payload) : payload).toString());
    at += length;
  }
  return texts;
}

const inflateMessage = (payload: Buffer): Buffer =>
  inflateRawSync(Buffer.concat([payload, Buffer.from('0000ffff', 'hex')]), { finishFlush: constants.Z_SYNC_FLUSH });

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
