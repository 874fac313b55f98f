/** Which partitions a tail asks for while their handlers are at work. The broker is played by a function. */
import { expect, test, vi } from 'vitest';
import type { Offset, Partition } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import type { TailOptions } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Connections } from './connection.ts';
import { noKafkaMetrics } from './kafka-metrics.ts';
import type { Metadata } from './metadata.ts';
import { KafkaTail } from './tail.ts';
import type { TailParts } from './tail-parts.ts';
import { ByteReader } from './wire/bytes.ts';
import { encodeBatch } from './wire/encode-batch.ts';
import type { FetchAnswer } from './wire/fetch.ts';
import type { WireRequest } from './wire/request.ts';

const MAX_WAIT_MS = 500;
/** While others may be assigned, or are left out. */
const JOINED_WAIT_MS = 20;
const leader = { nodeId: 1, host: 'broker', port: 1 };

interface Asked {
  readonly maxWaitMs: number;
  readonly offsets: Readonly<Record<number, number>>;
}

function readFetch(request: WireRequest<FetchAnswer>): Asked {
  const reader = new ByteReader(request.body);
  reader.int32();
  const maxWaitMs = reader.int32();
  reader.take(4 + 4 + 1 + 4 + 4 + 4);
  reader.string();
  const offsets: Record<number, number> = {};
  reader.array((each) => {
    const partition = each.int32();
    each.int32();
    offsets[partition] = each.int64();
    each.take(8 + 4);
  });
  return { maxWaitMs, offsets };
}

/** One record each for partitions 0 and 1 with the first answer; the later fetches stay open. */
function setup(onRecords: TailOptions['onRecords'], now?: () => number, more: Partial<TailOptions> = {}) {
  const asked: Asked[] = [];
  const empty = () => new Promise<FetchAnswer>((resolve) => setImmediate(resolve, { errorCode: 0, partitions: [] }));
  // In another order than asked for, as brokers may.
  const first = [1, 0].map((partition) => ({
    partition,
    errorCode: 0,
    highWatermark: 1,
    lastStableOffset: 1,
    logStartOffset: 0,
    aborted: [],
    records: encodeBatch([{ key: null, value: Buffer.from(`of ${partition}`) }], 1),
  }));
  const open = Promise.withResolvers<FetchAnswer>();
  const topicLeaders = { topic: 't', askedAt: 0, leaders: new Map([0, 1].map((p) => [p as Partition, leader])) };
  const parts = {
    connections: {
      send: async (_: unknown, request: WireRequest<FetchAnswer>) => {
        asked.push(readFetch(request));
        if (asked.length === 1) return { errorCode: 0, partitions: first };
        // With a clock of the test's own the broker answers until its time has passed.
        return now !== undefined && (asked.at(-1)?.maxWaitMs ?? 0) < MAX_WAIT_MS ? empty() : open.promise;
      },
      giveUp: () => {},
      close: async () => open.resolve({ errorCode: 0, partitions: [] }),
    } as unknown as Connections,
    metadata: { known: () => topicLeaders, leaders: async () => topicLeaders } as unknown as Metadata,
    offsets: {} as TailParts['offsets'],
    clock: now === undefined ? systemClock : { ...systemClock, monotonic: now },
    logger: silentLog,
    maxWaitMs: MAX_WAIT_MS,
    stallMs: 60_000,
    partitionBytes: 1_000,
    requestTimeoutMs: 60_000,
    metrics: noKafkaMetrics,
    onStopped: () => {},
  };
  const tail = new KafkaTail({ topic: 't', onRecords, onError: () => {}, ...more }, parts);
  for (const partition of [0, 1]) tail.assign(partition as Partition, 0 as Offset);
  return { tail, asked };
}

test('a partition whose handler had nothing to wait for is in the very next fetch', async () => {
  const { tail, asked } = setup((partition) => (partition === 0 ? Promise.resolve() : undefined));
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[1]).toEqual({ maxWaitMs: JOINED_WAIT_MS, offsets: { 0: 1, 1: 1 } });
  await tail.stop();
});

test('what a broker answers in another order than it was asked goes to the right partitions', async () => {
  const seen: string[] = [];
  const { tail, asked } = setup((partition, records) => {
    for (const { value } of records) seen.push(`${partition}: ${value}`);
  });
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  expect(seen.sort()).toEqual(['0: of 0', '1: of 1']);
  await tail.stop();
});

test('while a handler is at work the others are asked for, and not for long', async () => {
  const work = Promise.withResolvers<void>();
  const { tail, asked } = setup((partition) => (partition === 0 ? work.promise : undefined));
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  expect(asked[1]?.offsets).toEqual({ 1: 1 });
  expect(asked[1]?.maxWaitMs).toBeLessThan(JOINED_WAIT_MS / 4);
  work.resolve();
  await tail.stop();
});

/** A millisecond later at each look. */
function quickClock(): () => number {
  let now = 1_000;
  return () => {
    now += 1;
    return now;
  };
}

test('a handler that is at work for long is not asked after every few milliseconds', async () => {
  const work = Promise.withResolvers<void>();
  const { tail, asked } = setup((partition) => (partition === 0 ? work.promise : undefined), quickClock());
  await vi.waitFor(() => expect(asked.at(-1)).toEqual({ maxWaitMs: JOINED_WAIT_MS, offsets: { 1: 1 } }));
  expect(asked.length).toBeGreaterThan(2);
  work.resolve();
  await tail.stop();
});

test('a broker may hold back for long what asks for all, once nothing was assigned for a while', async () => {
  const { tail, asked } = setup(() => undefined, quickClock());
  await vi.waitFor(() => expect(asked.at(-1)).toEqual({ maxWaitMs: MAX_WAIT_MS, offsets: { 0: 1, 1: 1 } }));
  expect(asked[1]?.maxWaitMs).toBe(JOINED_WAIT_MS);
  await tail.stop();
});

test('while a partition is paused the others are not asked for for long: it would have to wait, once resumed', async () => {
  let now = 1_000;
  const { tail, asked } = setup(
    () => undefined,
    () => now,
  );
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(2));
  now += 1_500;
  tail.pause(0 as Partition);
  const before = asked.length;
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(before + 2));
  expect(asked.at(-1)).toEqual({ maxWaitMs: JOINED_WAIT_MS, offsets: { 1: 1 } });
  tail.resume(0 as Partition);
  await vi.waitFor(() => expect(asked.at(-1)).toEqual({ maxWaitMs: MAX_WAIT_MS, offsets: { 0: 1, 1: 1 } }));
  await tail.stop();
});

test('the next fetch waits behind an answer with records for as long as it is told, whatever its records took, and behind one without not at all', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  let now = 1_000;
  const { tail, asked } = setup(
    () => {
      now += 3;
    },
    () => now,
    { restMs: () => 10 },
  );
  await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1), { interval: 0 });
  expect(asked).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(3);
  expect(asked).toHaveLength(1);
  now += 4;
  await vi.advanceTimersByTimeAsync(1);
  // Each of the others is empty.
  await vi.waitFor(() => expect(asked.length).toBeGreaterThan(4), { interval: 0 });
  vi.useRealTimers();
  await tail.stop();
});

test('behind an answer that was cut, more waits already: nobody rests', async () => {
  const { tail, asked } = setup(() => undefined, undefined, { restMs: () => 60_000, maxPartitionBytes: 100 });
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  await tail.stop();
});
