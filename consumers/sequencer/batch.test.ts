import { expect, test } from 'vitest';
import type { Offset, Partition } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { BatchBuilder, halve, RECORD_FRAME_BYTES } from './batch.ts';

const source = (offset: number, bytes = 100): LogRecord => ({
  offset: offset as Offset,
  timestamp: 1,
  key: null,
  value: Buffer.alloc(bytes),
});

const decided = {} as OutboundRecord;

test('takes the first record whatever its size, then only what fits', () => {
  const builder = new BatchBuilder(1_000, 0);
  expect(builder.hasPlaceFor(source(1, 5_000))).toBe(true);
  builder.add(source(1, 500), { key: null, value: Buffer.alloc(500) }, decided, 'event', null);
  expect(builder.hasPlaceFor(source(2, 5_000))).toBe(false);
  expect(builder.hasPlaceFor(source(2, 300))).toBe(true);
});

test('builds nothing from nothing', () => {
  expect(new BatchBuilder(1_000, 0).build()).toBeNull();
});

test('halves without losing a record or a letter', () => {
  const builder = new BatchBuilder(10_000, 7);
  for (let n = 1; n <= 5; n++) {
    const record = source(n);
    const letter = { partition: 0 as Partition, record, reason: 'empty', message: '' };
    builder.add(
      record,
      { key: null, value: Buffer.alloc(n) },
      decided,
      n % 2 ? 'event' : 'poison',
      n % 2 ? null : letter,
    );
  }
  const batch = builder.build();
  if (batch === null) throw new Error('nothing built');
  const [front, back] = halve(batch);
  expect([front.last, back.last]).toEqual([2, 5]);
  expect([...front.records, ...back.records]).toEqual(batch.records);
  expect([...front.kinds, ...back.kinds]).toEqual(batch.kinds);
  expect([...front.letters, ...back.letters]).toEqual(batch.letters);
  expect(front.bytes + back.bytes).toBe(batch.bytes);
  expect(batch.bytes).toBe(15 + 5 * RECORD_FRAME_BYTES);
});
