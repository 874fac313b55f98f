import { expect, test } from 'vitest';
import { crc32c, crc32cByTables } from './crc32c.ts';

test.each([
  ['crc32c', crc32c],
  ['by tables', crc32cByTables],
])('%s gives the check value of the polynomial', (_, crc32c) => {
  expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283);
  expect(crc32c(Buffer.alloc(32))).toBe(0x8a9136aa);
  expect(crc32c(Buffer.alloc(0))).toBe(0);
  // Wherever it lies in memory, and however long it is: the same as byte by byte.
  const bytes = Buffer.from(Array.from({ length: 300 }, (_, at) => (at * 7919) & 0xff));
  const byteByByte = (from: number, to: number) => {
    let crc = -1;
    for (const byte of bytes.subarray(from, to)) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0x82f63b78 ^ (crc >>> 1) : crc >>> 1;
    }
    return ~crc >>> 0;
  };
  for (let from = 0; from < 9; from++) {
    for (const to of [from, from + 63, from + 64, from + 65, from + 71, from + 72, 300]) {
      expect(crc32c(bytes.subarray(1), from - 1 < 0 ? 0 : from - 1, to - 1 < 0 ? 0 : to - 1)).toBe(
        byteByByte(Math.max(1, from), Math.max(1, to)),
      );
    }
  }
});

test('whatever is native counts as the tables do, at any place in memory', () => {
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, at) => (at * at * 7919) >>> 5));
  for (const length of [255, 256, 257, 1_000, 4_096, 65_537]) {
    for (let from = 0; from < 9; from++) {
      expect(crc32c(bytes, from, from + length)).toBe(crc32cByTables(bytes, from, from + length));
    }
  }
});
