/** What a tail does when nothing fails and nothing comes either. Brokers are played by functions; time is real, but short. */
import { afterEach, expect, test, vi } from 'vitest';
import type { Offset, Partition } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Connections } from './connection.ts';
import { noKafkaMetrics } from './kafka-metrics.ts';
import { LEADER_CHECK_MS } from './leader-check.ts';
import type { Metadata } from './metadata.ts';
import { OPEN_TRANSACTION_WARN_MS } from './open-transactions.ts';
import { KafkaTail } from './tail.ts';
import type { TailParts } from './tail-parts.ts';
import { encodeBatch } from './wire/encode-batch.ts';
import type { FetchAnswer } from './wire/fetch.ts';
import type { BrokerAddress } from './wire/metadata.ts';

const p0 = 0 as Partition;
const NO_RECORDS = Buffer.alloc(0);
const broker = (nodeId: number): BrokerAddress => ({ nodeId, host: 'broker', port: nodeId });

/** After a moment, as a broker that has nothing new. */
const answerWith = async (records: Buffer, ends: { stable: number; written: number }): Promise<FetchAnswer> => ({
  ...(await new Promise<object>((resolve) => setTimeout(resolve, 1, {}))),
  errorCode: 0,
  partitions: [
    {
      partition: 0,
      errorCode: 0,
      highWatermark: ends.written,
      lastStableOffset: ends.stable,
      logStartOffset: 0,
      aborted: [],
      records,
    },
  ],
});
/** A record at offset 0. */
const one = () => encodeBatch([{ key: null, value: Buffer.from('a') }], 1);
const nothingNew = { stable: 0, written: 0 };

interface World {
  leader: number;
  /** What the broker answers to the n-th fetch from it. */
  fetch(nodeId: number, count: number): Promise<FetchAnswer>;
}

const tails: KafkaTail[] = [];
afterEach(async () => {
  await Promise.all(tails.splice(0).map((tail) => tail.stop()));
});

function setup(world: World, parts: Partial<TailParts> = {}) {
  const seen: LogRecord[] = [];
  const ends: number[] = [];
  const stalls: Array<string | null> = [];
  const givenUp: number[] = [];
  const restarts: string[] = [];
  const counts = new Map<number, number>();
  let waiting = 0;
  const fetches = { most: 0 };
  const leaders = () => ({ topic: 't', askedAt: 0, leaders: new Map([[p0, broker(world.leader)]]) });
  const metadata = {
    known: leaders,
    leaders: async () => leaders(),
    refresh: async () => leaders(),
    markStale: () => {},
    suspect: () => {},
  };
  const connections = {
    send: async ({ nodeId }: BrokerAddress) => {
      const count = counts.get(nodeId) ?? 0;
      counts.set(nodeId, count + 1);
      waiting++;
      fetches.most = Math.max(fetches.most, waiting);
      return world.fetch(nodeId, count).finally(() => waiting--);
    },
    giveUp: ({ nodeId }: BrokerAddress) => void givenUp.push(nodeId),
    close: async () => {},
  };
  const tail = new KafkaTail(
    {
      topic: 't',
      onRecords: (_, records, { end }) => {
        seen.push(...records);
        ends.push(end);
      },
      onError: () => {},
      onStall: (error) => void stalls.push(error?.code ?? null),
    },
    {
      connections: connections as unknown as Connections,
      metadata: metadata as unknown as Metadata,
      offsets: {} as TailParts['offsets'],
      clock: systemClock,
      logger: silentLog,
      maxWaitMs: 1,
      stallMs: 600,
      partitionBytes: 1_000,
      requestTimeoutMs: 60_000,
      metrics: { ...noKafkaMetrics, restarted: (what) => void restarts.push(what) },
      onStopped: () => {},
      ...parts,
    },
  );
  tails.push(tail);
  tail.assign(p0, 0 as Offset);
  return {
    tail,
    seen,
    ends,
    stalls,
    givenUp,
    restarts,
    asked: (nodeId: number) => counts.get(nodeId) ?? 0,
    fetches,
  };
}

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

test('a fetch that is never answered, and never fails, is given up, and another one made', async () => {
  const never = new Promise<FetchAnswer>(() => {});
  const { seen, stalls, givenUp, restarts } = setup({
    leader: 1,
    fetch: async (_, count) => {
      if (count < 2) return never;
      return count === 2
        ? answerWith(one(), { stable: 1, written: 1 })
        : answerWith(NO_RECORDS, { stable: 1, written: 1 });
    },
  });
  await eventually(() => expect(seen.map((r) => r.offset)).toEqual([0]));
  expect(givenUp).toEqual([1, 1]);
  expect(restarts).toEqual(['tail', 'tail']);
  await eventually(() => expect(stalls).toEqual(['kafka_unreachable', null]));
});

test('an answer that comes after its loop was given up changes nothing', async () => {
  const late = Promise.withResolvers<FetchAnswer>();
  const { seen, asked, fetches } = setup({
    leader: 1,
    fetch: async (_, count) => {
      if (count === 0) return late.promise;
      return count === 1
        ? answerWith(one(), { stable: 1, written: 1 })
        : answerWith(NO_RECORDS, { stable: 1, written: 1 });
    },
  });
  await eventually(() => expect(seen).toHaveLength(1));
  const before = asked(1);
  late.resolve(answerWith(one(), { stable: 1, written: 1 }));
  await eventually(() => expect(asked(1)).toBeGreaterThan(before + 20));
  fetches.most = 0;
  await eventually(() => expect(asked(1)).toBeGreaterThan(before + 40));
  expect(fetches.most).toBe(1);
  expect(seen).toHaveLength(1);
});

test('a leader that was deposed without knowing is left, though it answers', async () => {
  const clock = { now: () => 0, monotonic: () => time };
  let time = 0;
  const world: World = {
    leader: 1,
    fetch: async (nodeId, count) => {
      if (nodeId === 2 && count === 0) return answerWith(one(), { stable: 1, written: 1 });
      return answerWith(NO_RECORDS, nodeId === 2 ? { stable: 1, written: 1 } : nothingNew);
    },
  };
  const { seen, asked } = setup(world, { clock });
  await eventually(() => expect(asked(1)).toBeGreaterThan(3));
  world.leader = 2;
  const before = asked(1);
  await eventually(() => expect(asked(1)).toBeGreaterThan(before + 3));
  expect(asked(2)).toBe(0);
  time = LEADER_CHECK_MS;
  await eventually(() => expect(seen.map((r) => r.offset)).toEqual([0]));
});

test('where nothing comes its user is told of the end once, and when it moves', async () => {
  const { ends, asked } = setup({
    leader: 1,
    fetch: async (_, count) => answerWith(NO_RECORDS, { stable: count < 5 ? 0 : 3, written: 3 }),
  });
  await eventually(() => expect(asked(1)).toBeGreaterThan(10));
  expect(ends).toEqual([0, 3]);
});

test('a transaction that stays open is told, and when it is over', async () => {
  const lines: string[] = [];
  const note = (_: object, message?: string) => void lines.push(message ?? '');
  const clock = { now: () => 0, monotonic: () => time };
  let time = 0;
  let isOpen = true;
  const { tail, asked } = setup(
    { leader: 1, fetch: async () => answerWith(NO_RECORDS, isOpen ? { stable: 0, written: 5 } : nothingNew) },
    { clock, logger: { ...silentLog, warn: note, info: note } },
  );
  await eventually(() => expect(asked(1)).toBeGreaterThan(3));
  expect(lines).toEqual([]);
  time = OPEN_TRANSACTION_WARN_MS;
  await eventually(() => expect(lines).toHaveLength(1));
  expect(lines[0]).toMatch(/open transaction/);
  expect(tail.openTransactions).toEqual([{ topic: 't', partition: 0, openMs: OPEN_TRANSACTION_WARN_MS }]);
  const before = asked(1);
  await eventually(() => expect(asked(1)).toBeGreaterThan(before + 3));
  expect(lines).toHaveLength(1);
  isOpen = false;
  await eventually(() => expect(lines).toHaveLength(2));
  expect(tail.openTransactions).toEqual([]);
});
