/** History out of a real Kafka log with next to no hot ring: every way to start, many readers at once, and deleted records. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMetrics, type Metrics } from '../../adapters/telemetry/metrics.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { RoomStream } from '../../gateway/stream.ts';
import { createRoomStream } from '../../gateway/tail/room-stream.ts';
import { TestSink } from '../../gateway/tail/test-sink.fixture.ts';
import { joinRoom } from '../../gateway/tail/world.fixture.ts';
import { inboundEvent } from '../support/memory-stream.ts';
import { RealStream } from '../support/real-stream.ts';
import { stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { range } from './resume.fixture.ts';

const ROOMS = ['a', 'b', 'c', 'd', 'e'];
const EVENTS_PER_ROOM = 400;

let real: RealStream;
let metrics: Metrics;
const streams: RoomStream[] = [];

beforeEach(async () => {
  real = await RealStream.create(stack(), `history-${randomUUID().slice(0, 8)}`, 1);
  metrics = createMetrics();
  const sequencer = await real.sequencer('history');
  await sequencer.ready();
  for (let index = 1; index <= EVENTS_PER_ROOM; index += 50) {
    await real.publish(
      ...range(index, index + 49).flatMap((number) =>
        ROOMS.map((room) =>
          inboundEvent({ room, data: Buffer.from(JSON.stringify({ number, text: 'x'.repeat(150) })) }),
        ),
      ),
    );
  }
  await real.sound();
}, 90_000);

afterEach(async () => {
  await Promise.all(streams.splice(0).map((stream) => stream.stop()));
  await metrics.shutdown();
  await real.close();
}, 30_000);

async function openStream(ringBytes = 1): Promise<RoomStream> {
  const stream = createRoomStream({
    log: real.log,
    codec: real.codec,
    topics: real.topics,
    partitions: 1,
    originTag: Buffer.alloc(8),
    outcomes: { onEvent: () => {}, onAnswer: () => {} },
    config: configSchema.parse({ gateway: { ringBytes, cursorWaitMs: 500 } }),
    logger: silentLog,
    metrics,
    clock: systemClock,
    anchors: { everyRecords: 100 },
    historyCacheBytes: 0,
  });
  streams.push(stream);
  await stream.start();
  return stream;
}

const live = (sink: TestSink): Promise<unknown> => waitFor(() => sink.of('live').length === 1, { what: 'live' });

async function bytesRead(): Promise<number> {
  const line = (await metrics.render()).split('\n').find((one) => one.startsWith('roomlog_history_bytes_read_total '));
  return Number(line?.split(' ')[1] ?? 0);
}

test('every way to start reads the log as the ring would have told it', async () => {
  const fromLog = await openStream(1);
  const fromRing = await openStream(100_000_000);
  const { sink: all } = await joinRoom(fromRing, 'c', { kind: 'start' });
  await live(all);
  expect(all.seqs()).toEqual(range(1, EVENTS_PER_ROOM));
  expect(await bytesRead()).toBe(0);
  const events = all.of('event');
  const cursor = events[122]?.cursor as string;
  const timeMs = events[260]?.time as number;
  for (const start of [
    { kind: 'start' },
    { kind: 'after', cursor },
    { kind: 'last', count: 33 },
    { kind: 'since', timeMs },
  ] as const) {
    const { sink: expected, subscription: by } = await joinRoom(fromRing, 'c', start);
    const { sink, subscription } = await joinRoom(fromLog, 'c', start);
    await live(sink);
    await live(expected);
    expect(sink.frames).toEqual(expected.frames);
    expect([subscription.seq, subscription.cursor, subscription.recovered]).toEqual([by.seq, by.cursor, by.recovered]);
  }
  expect(await bytesRead()).toBeGreaterThan(0);
});

test('many readers of the same past cost Kafka little more than one', async () => {
  const stream = await openStream(1);
  const one = await joinRoom(stream, 'b', { kind: 'start' });
  await live(one.sink);
  const once = await bytesRead();
  const many = await Promise.all(range(1, 100).map(() => joinRoom(stream, 'b', { kind: 'start' })));
  for (const { sink } of many) {
    await live(sink);
    expect(sink.seqs()).toEqual(range(1, EVENTS_PER_ROOM));
  }
  expect((await bytesRead()) - once).toBeLessThanOrEqual(1.2 * once);
});

test('what Kafka has deleted is announced as a gap, and everything left is delivered', async () => {
  const stream = await openStream(1);
  const { sink: all } = await joinRoom(stream, 'd', { kind: 'start' });
  await live(all);
  const { streamId, offsets } = await layout();
  const deleteBefore = offsets.get(200) as number;
  await real.deleteRecords(real.topics.outbound, new Map([[0 as Partition, deleteBefore]]));
  const cursor = all.of('event')[49]?.cursor as string;
  const { sink, subscription } = await joinRoom(stream, 'd', { kind: 'after', cursor });
  await live(sink);
  expect(subscription.recovered).toBe(false);
  const [gap, ...more] = sink.of('gap') as Array<{ from: number; to: number; reason: string; cursor: string }>;
  expect(more).toEqual([]);
  expect(gap).toMatchObject({ from: 51, reason: 'retention' });
  // History is proven from the next anchor on: at most that many records later than what Kafka still has.
  expect(gap?.to).toBeGreaterThanOrEqual(199);
  expect(gap?.to).toBeLessThanOrEqual(199 + 100 / ROOMS.length + 1);
  expect(sink.seqs()).toEqual(range((gap?.to ?? 0) + 1, EVENTS_PER_ROOM));

  const resumed = await joinRoom(stream, 'd', { kind: 'after', cursor: gap?.cursor as string });
  expect(resumed.subscription.recovered).toBe(true);
  await live(resumed.sink);
  expect(resumed.sink.seqs()).toEqual(range((gap?.to ?? 0) + 1, EVENTS_PER_ROOM));

  const forged = encodeCursor(streamId, 'd' as RoomId, { offset: 5 as never, seq: (EVENTS_PER_ROOM + 1) as never });
  await expect(
    stream.subscribe('d' as RoomId, { kind: 'after', cursor: forged }, new TestSink()),
  ).rejects.toMatchObject({
    code: 'cursor_invalid',
  });
});

/** Where the events of room d stand, read by other code than the one under test. */
async function layout(): Promise<{ streamId: string; offsets: Map<number, number> }> {
  let streamId = '';
  const offsets = new Map<number, number>();
  for (const { offset, value } of await real.records(real.topics.outbound, 0 as never)) {
    const record = real.codec.decodeOutbound(value as Buffer);
    if ('unknownSchema' in record) throw new Error('unknown schema');
    if (record.claim?.streamId) streamId = record.claim.streamId;
    if (record.event?.room === 'd') offsets.set(record.event.seq, offset);
  }
  return { streamId, offsets };
}
