import { expect, test } from 'vitest';
import { MAX_BATCH_BYTES, takeBatch } from './take-batch.ts';

const record = (number: number, bytes: number) => ({ key: Buffer.from(`${number}`), value: Buffer.alloc(bytes) });

test('more than Kafka takes at once goes in several appends, in order and without loss', () => {
  const waiting = Array.from({ length: 1_000 }, (_, number) => record(number, 2_200));
  const keys = waiting.map(({ key }) => `${key}`);
  const taken: string[] = [];
  for (let appends = 0; waiting.length > 0; appends += 1) {
    const batch = takeBatch(waiting);
    expect(batch.reduce((sum, { value }) => sum + (value?.length ?? 0), 0)).toBeLessThan(MAX_BATCH_BYTES + 2_200);
    taken.push(...batch.map(({ key }) => `${key}`));
    expect(appends).toBeLessThan(10);
  }
  expect(taken).toEqual(keys);
});

test('few records go at once, and a large one goes alone', () => {
  expect(takeBatch([record(0, 10), record(1, 10)])).toHaveLength(2);
  expect(takeBatch([record(0, 900_000), record(1, 10)])).toHaveLength(1);
});
