/** A gateway that starts after retention has taken everything there was: rooms keep their seqs, on real Kafka and by real snapshots. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createMetrics, type Metrics } from '../../adapters/telemetry/metrics.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { Partition } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { RoomStream } from '../../gateway/stream.ts';
import { createRoomStream } from '../../gateway/tail/room-stream.ts';
import type { TestSink } from '../../gateway/tail/test-sink.fixture.ts';
import { joinRoom } from '../../gateway/tail/world.fixture.ts';
import { inboundEvent } from '../support/memory-stream.ts';
import { RealStream } from '../support/real-stream.ts';
import { stack } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { range } from './resume.fixture.ts';

const SEQ = 7;
let real: RealStream;
let metrics: Metrics;
const streams: RoomStream[] = [];

beforeEach(async () => {
  real = await RealStream.create(stack(), `deleted-${randomUUID().slice(0, 8)}`, 1);
  metrics = createMetrics();
});

afterEach(async () => {
  await Promise.all(streams.splice(0).map((stream) => stream.stop()));
  await metrics.shutdown();
  await real.close();
}, 30_000);

async function openStream(): Promise<RoomStream> {
  const stream = createRoomStream({
    log: real.log,
    codec: real.codec,
    topics: real.topics,
    partitions: 1,
    originTag: Buffer.alloc(8),
    outcomes: { onEvent: () => {}, onAnswer: () => {} },
    config: configSchema.parse({ gateway: { ringBytes: 1, cursorWaitMs: 500 } }),
    logger: silentLog,
    metrics,
    clock: systemClock,
  });
  streams.push(stream);
  await stream.start();
  return stream;
}

const publish = (room: string, ...numbers: number[]): Promise<void> =>
  real.publish(...numbers.map((number) => inboundEvent({ room, data: Buffer.from(`${number}`) })));
const live = (sink: TestSink): Promise<unknown> => waitFor(() => sink.of('live').length === 1, { what: 'live' });

async function outbound(): Promise<{ start: number; end: number }> {
  const found = (await real.log.ranges(real.topics.outbound)).get(0 as Partition);
  if (found === undefined) throw new Error('no outbound');
  return found;
}

/** As retention does, but at once: nothing is left of outbound. */
async function deleteAll(): Promise<void> {
  const { end } = await outbound();
  await real.deleteRecords(real.topics.outbound, new Map([[0 as Partition, end]]));
  await waitFor(async () => (await outbound()).start === end, { what: 'an empty outbound' });
}

test('a room whose events were all deleted goes on at its next seq, without a gap for who had them', async () => {
  const first = await real.sequencer('first');
  await first.ready();
  await publish('gone', ...range(1, SEQ));
  await publish('other', ...range(1, 200));
  await real.sound();
  const before = await openStream();
  const { sink: reader } = await joinRoom(before, 'gone', { kind: 'start' });
  await live(reader);
  const cursors = reader.of('event').map(({ cursor }) => cursor as string);
  expect(cursors).toHaveLength(SEQ);
  await before.stop();

  // It leaves a snapshot behind.
  await first.end('SIGTERM');
  await deleteAll();
  const gateway = await openStream();
  expect(gateway.stats().foldedRecords).toBe(0);
  const whole = await joinRoom(gateway, 'gone', { kind: 'after', cursor: cursors.at(-1) as string });
  expect(whole.subscription).toMatchObject({ seq: SEQ, recovered: true });
  const late = await joinRoom(gateway, 'gone', { kind: 'after', cursor: cursors[2] as string });
  expect(late.subscription).toMatchObject({ seq: SEQ, recovered: false });
  const fresh = await joinRoom(gateway, 'gone', { kind: 'live' });
  expect(fresh.subscription.seq).toBe(SEQ);

  const second = await real.sequencer('second');
  await second.ready();
  await publish('gone', SEQ + 1);
  const sinks = [whole.sink, late.sink, fresh.sink];
  for (const sink of sinks) await waitFor(() => sink.seqs().length === 1, { what: 'the next event' });
  for (const sink of sinks) expect(sink.seqs()).toEqual([SEQ + 1]);
  expect(whole.sink.of('gap')).toEqual([]);
  expect(fresh.sink.of('gap')).toEqual([]);
  expect(late.sink.of('gap')).toMatchObject([{ from: 4, to: SEQ, reason: 'retention' }]);

  // And once more after a restart, with an event above what was deleted.
  const again = await openStream();
  const resumed = await joinRoom(again, 'gone', { kind: 'after', cursor: cursors.at(-1) as string });
  await live(resumed.sink);
  expect(resumed.subscription).toMatchObject({ seq: SEQ + 1, recovered: true });
  expect(resumed.sink.seqs()).toEqual([SEQ + 1]);
  expect(resumed.sink.of('gap')).toEqual([]);
}, 120_000);
