/** How often a read of a range asks, and what it believes; the broker is played by functions. */
import { expect, test } from 'vitest';
import type { Offset, Partition } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import type { RangeOptions } from '../../core/ports/event-log.ts';
import type { Connections } from './connection.ts';
import type { Metadata } from './metadata.ts';
import type { Offsets } from './offsets.ts';
import { readRange } from './range.ts';
import { encodeBatch } from './wire/encode-batch.ts';
import { CODES } from './wire/error-codes.ts';
import type { WireRequest } from './wire/request.ts';

/** Where the offset stands in a fetch of one partition of a topic whose name is one letter; see wire/fetch.ts. */
const OFFSET_AT = 44;
const leader = { nodeId: 1, host: 'broker', port: 1 };

/** Records 0 to `end` - 1, of which the leader shows those below `shown[n]` to the n-th fetch, the last one for ever. */
function setup({ end, shown }: { end: number; shown: readonly number[] }) {
  /** `fetchesAtFirst`: when the first records were handed over. */
  const asked = { fetches: 0, ranges: 0, fetchesAtFirst: 0 };
  const connections = {
    closed: false,
    send: async (_: unknown, { body }: WireRequest<unknown>) => {
      const next = Number(body.readBigInt64BE(OFFSET_AT));
      const stable = shown[Math.min(asked.fetches++, shown.length - 1)] ?? 0;
      const count = Math.max(0, stable - next);
      const batch = encodeBatch(
        Array.from({ length: count }, () => ({ key: null, value: Buffer.from('x') })),
        1,
      );
      if (count > 0) batch.writeInt32BE(next, 4);
      return {
        errorCode: 0,
        partitions: [
          {
            partition: 0,
            errorCode: next > end ? CODES.offsetOutOfRange : 0,
            highWatermark: stable,
            lastStableOffset: stable,
            logStartOffset: 0,
            aborted: [],
            records: count > 0 ? batch : Buffer.alloc(0),
          },
        ],
      };
    },
  } as unknown as Connections;
  const metadata = {
    leaders: async () => ({ leaders: new Map([[0, leader]]) }),
    markStale: () => {},
  } as unknown as Metadata;
  const offsets = {
    ranges: async () => {
      asked.ranges++;
      return new Map([[0, { start: 0, end }]]);
    },
  } as unknown as Offsets;
  const read = async (from: number, to: number, options: Partial<RangeOptions> = {}) => {
    const seen: number[] = [];
    const range = { topic: 't', partition: 0 as Partition, from: from as Offset, to: to as Offset, ...options };
    const parts = { connections, metadata, offsets, clock: systemClock, fetchBytes: 1_000 };
    for await (const records of readRange(range, parts)) {
      if (asked.fetchesAtFirst === 0) asked.fetchesAtFirst = asked.fetches;
      seen.push(...records.map(({ offset }) => offset));
    }
    return seen;
  };
  return { asked, read };
}

test('asks nothing but for the records, where the leader has all of them', async () => {
  const { asked, read } = setup({ end: 10, shown: [10] });
  expect(await read(2, 5)).toEqual([2, 3, 4]);
  expect(asked).toMatchObject({ fetches: 1, ranges: 0 });
});

test('ends at the readable end, which it asks for where less was shown than is wanted', async () => {
  const { asked, read } = setup({ end: 10, shown: [10] });
  expect(await read(8, 1_000)).toEqual([8, 9]);
  expect(asked).toMatchObject({ fetches: 1, ranges: 1 });
  expect(await read(10, 1_000)).toEqual([]);
  expect(await read(20, 1_000)).toEqual([]);
});

test('does not take for the end what a new leader shows that does not know its followers yet', async () => {
  const { read } = setup({ end: 10, shown: [4, 4, 10] });
  expect(await read(0, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('asks ahead for the next fetch where it was told to, and for no more than is wanted', async () => {
  const whole = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const behind = setup({ end: 10, shown: [4, 8, 10] });
  expect(await behind.read(0, 10)).toEqual(whole);
  expect(behind.asked).toMatchObject({ fetches: 3, fetchesAtFirst: 1 });
  const ahead = setup({ end: 10, shown: [4, 8, 10] });
  expect(await ahead.read(0, 10, { fetchAhead: true })).toEqual(whole);
  expect(ahead.asked).toMatchObject({ fetches: 3, fetchesAtFirst: 2 });
});
