import { gzipSync, zstdCompressSync } from 'node:zlib';
import lz4 from 'lz4js';
import { describe, expect, test } from 'vitest';
import { batch, decodeAll, record } from './batch.fixture.ts';
import { crc32c } from './crc32c.ts';
import { BatchDecoder, SLICE_RECORDS } from './decode-batches.ts';

describe('an answer of many records comes in slices:', () => {
  test('none holds more than its limit, and together they are all, in order', async () => {
    const some = Array.from({ length: 23 }, (_, i) => record(`${i}`));
    const bytes = Buffer.concat([batch(some), batch(some.slice(0, 7), { baseOffset: 23 })]);
    const { records, sizes, next } = await decodeAll(bytes, 2, 10);
    expect(sizes).toEqual([10, 10, 8]);
    expect(records.map((r) => r.offset)).toEqual(Array.from({ length: 28 }, (_, i) => i + 2));
    expect(next).toBe(30);
  });

  test('each says where to read on, should nobody want the rest', () => {
    const decoder = new BatchDecoder(
      batch(
        Array.from({ length: 5 }, () => record('x')),
        { baseOffset: 40 },
      ),
      40,
      [],
      { sliceRecords: 2 },
    );
    expect([decoder.slice(), decoder.slice(), decoder.slice()]).toMatchObject([
      { next: 42, more: true },
      { next: 44, more: true },
      { next: 45, more: false },
    ]);
  });

  test('offsets of a batch that can not be unpacked do not come all at once either', async () => {
    const bytes = batch([record('a')], { attributes: 5, lastOffsetDelta: 3 * SLICE_RECORDS });
    const { sizes, unreadable, next } = await decodeAll(bytes, 0);
    expect(Math.max(...sizes)).toBe(SLICE_RECORDS);
    expect([unreadable, next]).toEqual([3 * SLICE_RECORDS + 1, 3 * SLICE_RECORDS + 1]);
  });

  test('a batch of a million tiny records, packed a hundredfold, keeps the event loop turning', async () => {
    const tiny = Buffer.from([12, 0, 0, 0, 1, 1, 0]);
    const count = 1_000_000;
    const body = Buffer.alloc(count * tiny.length);
    for (let i = 0; i < count; i++) tiny.copy(body, i * tiny.length);
    for (const [attributes, pack] of [
      [1, (bytes: Buffer) => gzipSync(bytes)],
      [3, (bytes: Buffer) => lz4.compress(bytes)],
      [4, (bytes: Buffer) => zstdCompressSync(bytes)],
    ] as const) {
      const bytes = batch([record('a')], { attributes, pack: () => pack(body), lastOffsetDelta: count - 1 });
      bytes.writeInt32BE(count, 57);
      bytes.writeUInt32BE(crc32c(bytes, 21), 17);
      expect(bytes.length).toBeLessThan(body.length / 100);
      const decoder = new BatchDecoder(bytes, 0, []);
      let seen = 0;
      let asked = decoder.slice();
      // Unpacked elsewhere, or with turns of the loop between.
      expect(asked).toBeInstanceOf(Promise);
      for (let more = true; more; asked = decoder.slice()) {
        const slice = await asked;
        ({ more } = slice);
        expect(slice.records.length).toBeLessThanOrEqual(SLICE_RECORDS);
        seen += slice.records.length;
      }
      expect(seen).toBe(count);
    }
  });
});
