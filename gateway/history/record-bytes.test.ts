import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RecordBytes } from './record-bytes.ts';

/** Around the size of a chunk, and far below it. */
const LENGTHS = fc.oneof(
  fc.integer({ min: 1, max: 3_000 }),
  fc.integer({ min: 65_000, max: 66_000 }),
  fc.constant(200_000),
);

it('gives back what it holds, whatever was dropped before and however records lie in its chunks', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(LENGTHS, fc.nat(3)), { maxLength: 30 }), (steps) => {
      const records = new RecordBytes();
      const held: Array<{ from: number; record: Buffer }> = [];
      for (const [length, drops] of steps) {
        const record = randomBytes(length);
        held.push({ from: records.end, record });
        records.push(record);
        for (let left = drops; left > 1 && held.length > 0; left -= 1) held.shift();
        records.dropBelow(held[0]?.from ?? records.end);
        expect(records.bytes).toBe(held.reduce((sum, one) => sum + one.record.length, 0));
        const isThere = held.every(({ from, record: kept }) => {
          const to = from + kept.length;
          return kept.equals(records.copy(from, to)) && kept.equals(records.view(from, to));
        });
        expect(isThere).toBe(true);
      }
    }),
    { numRuns: 50 },
  );
});

it('gives bytes of their own, which stay as they are when those of the ring are written over', () => {
  const records = new RecordBytes();
  records.push(Buffer.alloc(65_536, 1));
  const copied = records.copy(0, 1_000);
  for (let count = 0; count < 3; count += 1) {
    records.dropBelow(records.end);
    records.push(Buffer.alloc(65_536, 2));
  }
  expect(copied.equals(Buffer.alloc(1_000, 1))).toBe(true);
});

it('gives bytes that hold on to hardly more than themselves, whatever is needed for a moment beside them', () => {
  const RECORD_BYTES = 300;
  const records = new RecordBytes();
  records.push(Buffer.alloc(RECORD_BYTES, 1));
  const copies = Array.from({ length: 4_000 }, () => {
    Buffer.allocUnsafe(RECORD_BYTES);
    return records.copy(0, RECORD_BYTES);
  });
  const memory = new Set<ArrayBufferLike>(copies.map(({ buffer }) => buffer));
  const heldBytes = [...memory].reduce((sum, { byteLength }) => sum + byteLength, 0);
  expect(heldBytes / (copies.length * RECORD_BYTES)).toBeLessThan(1.1);
});
