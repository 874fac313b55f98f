import { expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { Share } from './share.ts';

const of = (partitions: number): Share => {
  const share = new Share();
  share.divide(partitions);
  return share;
};

test('all partitions together have the same under way, whatever their number', () => {
  for (const partitions of [1, 3, 12, 24]) {
    const { batchBytes, queueBytes } = of(partitions);
    expect(batchBytes * partitions).toBeCloseTo(786_432, -2);
    expect(queueBytes * partitions).toBeCloseTo(524_288, -2);
  }
});

test('a partition among very many still has batches that are worth a request', () => {
  expect(of(1_000)).toMatchObject({ batchBytes: 32_768, queueBytes: 16_384 });
});

test('one partition has all, also before any is owned', () => {
  expect(new Share()).toMatchObject({ batchBytes: of(1).batchBytes, queueBytes: of(1).queueBytes });
  expect(of(0).batchBytes).toBe(of(1).batchBytes);
});

test('only partitions that have had much to do since the last look count', () => {
  const share = of(12);
  const came = (...records: number[]) => {
    for (const [number, count] of records.entries()) share.came(number as Partition, count);
    share.divideByLoad();
    return share.batchBytes;
  };
  expect(came(20_000, 0, 499, 3)).toBe(of(1).batchBytes);
  share.came(2 as Partition, 499);
  expect(came(20_000, 500, 1, 3)).toBe(of(3).batchBytes);
  expect(came()).toBe(of(1).batchBytes);
});

test('says when very many came to all partitions together', () => {
  const share = of(12);
  const came = (records: number): boolean => {
    for (let number = 0; number < 4; number++) share.came(number as Partition, records);
    return share.divideByLoad();
  };
  expect([came(4_999), came(5_000), came(0)]).toEqual([false, true, false]);
});
