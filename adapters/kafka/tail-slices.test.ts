/** What a tail hands over of an answer, and at which time. The broker is played by a function. */
import { expect, test, vi } from 'vitest';
import type { Offset, Partition } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import type { AppendRecord, LogRecord, TailOptions } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Connections } from './connection.ts';
import { noKafkaMetrics } from './kafka-metrics.ts';
import type { Metadata } from './metadata.ts';
import { KafkaTail } from './tail.ts';
import type { TailParts } from './tail-parts.ts';
import { encodeBatch } from './wire/encode-batch.ts';
import type { FetchAnswer } from './wire/fetch.ts';

const p0 = 0 as Partition;
const NOW = 1_700_000_000_000;
const leader = { nodeId: 1, host: 'broker', port: 1 };
const records: AppendRecord[] = ['a', 'b', 'c', 'd', 'e'].map((text) => ({ key: null, value: Buffer.from(text) }));
const batch = encodeBatch(records, NOW);

/** The batch with the first answer; later fetches stay open until the tail stops. */
function setup(options: Partial<TailOptions>, onRecords: TailOptions['onRecords']): KafkaTail {
  const open = Promise.withResolvers<FetchAnswer>();
  const answer = {
    partition: p0,
    errorCode: 0,
    highWatermark: records.length,
    lastStableOffset: records.length,
    logStartOffset: 0,
    aborted: [],
    records: Buffer.from(batch),
  };
  const topicLeaders = { topic: 't', askedAt: 0, leaders: new Map([[p0, leader]]) };
  let fetches = 0;
  return new KafkaTail(
    { topic: 't', onRecords, onError: () => {}, ...options },
    {
      connections: {
        send: async () => (fetches++ === 0 ? { errorCode: 0, partitions: [answer] } : open.promise),
        giveUp: () => {},
        close: async () => open.resolve({ errorCode: 0, partitions: [] }),
      } as unknown as Connections,
      metadata: { known: () => topicLeaders, leaders: async () => topicLeaders } as unknown as Metadata,
      offsets: {} as TailParts['offsets'],
      clock: systemClock,
      logger: silentLog,
      maxWaitMs: 500,
      stallMs: 60_000,
      partitionBytes: 1_000,
      requestTimeoutMs: 60_000,
      metrics: noKafkaMetrics,
      onStopped: () => {},
    },
  );
}

async function handedOver(options: Partial<TailOptions>, before: (tail: KafkaTail) => void): Promise<LogRecord[]> {
  const seen: LogRecord[] = [];
  const tail = setup(options, (_, some) => void seen.push(...some));
  tail.assign(p0, 0 as Offset);
  before(tail);
  await vi.waitFor(() => expect(seen).toHaveLength(records.length));
  await tail.stop();
  return seen;
}

test('slices are as large as asked for, and none comes before the one before it was settled', async () => {
  const calls: { size: number; settle: () => void }[] = [];
  const tail = setup({ sliceRecords: 2 }, (_, some) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    calls.push({ size: some.length, settle: resolve });
    return promise;
  });
  tail.assign(p0, 0 as Offset);
  for (const [at, size] of [2, 2, 1].entries()) {
    await vi.waitFor(() => expect(calls).toHaveLength(at + 1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(calls).toHaveLength(at + 1);
    expect(calls[at]?.size).toBe(size);
    calls[at]?.settle();
  }
  await tail.stop();
});

test('what this log appended to the topic comes back as the very buffers, where that was asked for', async () => {
  const own = (seen: LogRecord[]) => seen.every(({ value }, at) => value === records[at]?.value);
  const sends = (topic: string) => (tail: KafkaTail) => tail.sending(topic, p0, batch, records);
  expect(own(await handedOver({ echoes: true }, sends('t')))).toBe(true);
  for (const seen of [
    await handedOver({}, sends('t')),
    await handedOver({ echoes: true }, sends('other')),
    await handedOver({ echoes: true }, (tail) => {
      sends('t')(tail);
      tail.release(p0);
      tail.assign(p0, 0 as Offset);
    }),
  ]) {
    expect(own(seen)).toBe(false);
    expect(seen.map(({ value }) => `${value}`)).toEqual(['a', 'b', 'c', 'd', 'e']);
  }
});
