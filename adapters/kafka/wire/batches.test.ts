import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import lz4 from 'lz4js';
import snappy from 'snappyjs';
import { describe, expect, test } from 'vitest';
import type { AppendRecord, LogRecord } from '../../../core/ports/event-log.ts';
import { MAX_UNPACKED_BYTES } from '../codecs.ts';
import { BatchFault } from './batch-header.ts';
import { crc32c } from './crc32c.ts';
import { type AbortedTransaction, BatchDecoder, type DecodedSlice, SLICE_RECORDS } from './decode-batches.ts';
import { encodeBatch } from './encode-batch.ts';

const NOW = 1_700_000_000_123;
const HEADER_BYTES = 61;
const record = (value: string | null, key: string | null = null): AppendRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
});

interface Changes {
  baseOffset?: number;
  attributes?: number;
  maxTimestamp?: number;
  producerId?: number;
  lastOffsetDelta?: number;
  /** Packs the records. */
  pack?: (records: Buffer) => Uint8Array;
}

/** A batch as a broker or a foreign producer would have written it. */
function batch(records: readonly AppendRecord[], changes: Changes = {}): Buffer {
  let bytes = encodeBatch(records, NOW);
  if (changes.pack) {
    bytes = Buffer.concat([bytes.subarray(0, HEADER_BYTES), changes.pack(bytes.subarray(HEADER_BYTES))]);
    bytes.writeInt32BE(bytes.length - 12, 8);
  }
  bytes.writeBigInt64BE(BigInt(changes.baseOffset ?? 0), 0);
  if (changes.attributes !== undefined) bytes.writeInt16BE(changes.attributes, 21);
  if (changes.lastOffsetDelta !== undefined) bytes.writeInt32BE(changes.lastOffsetDelta, 23);
  if (changes.maxTimestamp !== undefined) bytes.writeBigInt64BE(BigInt(changes.maxTimestamp), 35);
  if (changes.producerId !== undefined) bytes.writeBigInt64BE(BigInt(changes.producerId), 43);
  bytes.writeUInt32BE(crc32c(bytes, 21), 17);
  return bytes;
}

/** A transaction's marker: key is version and type. */
function marker(baseOffset: number, producerId: number, type: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]);
  return batch([{ key, value: Buffer.alloc(6) }], { baseOffset, producerId, attributes: 0x30 });
}

type Aborted = readonly AbortedTransaction[];

/** All slices of an answer in which nothing is large. */
function decodeBatches(bytes: Buffer, from: number, aborted: Aborted): DecodedSlice {
  const slice = new BatchDecoder(bytes, from, aborted).slice();
  if (slice instanceof Promise || slice.more) throw new Error('the answer is large');
  return slice;
}

/** All slices of any answer, as one. */
async function decodeAll(bytes: Buffer, from: number, sliceRecords?: number) {
  const decoder = new BatchDecoder(bytes, from, [], sliceRecords === undefined ? {} : { sliceRecords });
  const sizes: number[] = [];
  const records: LogRecord[] = [];
  let unreadable = 0;
  for (;;) {
    const slice = await decoder.slice();
    records.push(...slice.records);
    sizes.push(slice.records.length);
    unreadable += slice.unreadable;
    if (!slice.more) return { records, next: slice.next, unreadable, sizes };
  }
}

const values = (bytes: Buffer, from = 0, aborted: Aborted = []) => {
  const { records, next } = decodeBatches(bytes, from, aborted);
  return { seen: records.map((r) => [r.offset, r.value?.toString() ?? null]), next };
};

test('crc32c gives the check value of the polynomial', () => {
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

test('what is encoded is decoded, nulls and empties included', () => {
  const field = fc.option(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    { nil: null },
  );
  const headers = fc.option(fc.dictionary(fc.string({ maxLength: 10 }), fc.string({ maxLength: 90 })), {
    nil: undefined,
  });
  const some = fc.record({ key: field, value: field, headers });
  fc.assert(
    fc.property(fc.array(some, { minLength: 1, maxLength: 200 }), (list) => {
      const records = list.map(({ key, value, headers }) => ({ key, value, ...(headers && { headers }) }));
      const { records: seen, next } = decodeBatches(batch(records, { baseOffset: 2 ** 40 }), 0, []);
      expect(seen.map((r) => [r.offset, r.timestamp, r.key, r.value])).toEqual(
        list.map((r, i) => [2 ** 40 + i, NOW, r.key, r.value]),
      );
      expect(next).toBe(2 ** 40 + list.length);
    }),
  );
});

test('reads from the middle of a batch', () => {
  const bytes = batch([record('a'), record('b'), record('c')], { baseOffset: 10 });
  expect(values(bytes, 12)).toEqual({ seen: [[12, 'c']], next: 13 });
});

test('leaves the cut last batch for the next fetch', () => {
  const bytes = Buffer.concat([batch([record('a')]), batch([record('b')], { baseOffset: 1 }).subarray(0, 65)]);
  expect(values(bytes)).toEqual({ seen: [[0, 'a']], next: 1 });
  expect(values(bytes.subarray(0, 30))).toEqual({ seen: [], next: 0 });
});

test('takes the broker’s time for every record of a batch with LogAppendTime', () => {
  const bytes = batch([record('a'), record('b')], { attributes: 0x08, maxTimestamp: NOW + 777 });
  expect(decodeBatches(bytes, 0, []).records.map((r) => r.timestamp)).toEqual([NOW + 777, NOW + 777]);
});

test('goes past what compaction left of a batch', () => {
  expect(values(batch([record('a')], { baseOffset: 5, lastOffsetDelta: 9 }))).toEqual({ seen: [[5, 'a']], next: 15 });
});

describe('read-committed', () => {
  test('hides markers and what was aborted, per producer', () => {
    const bytes = Buffer.concat([
      batch([record('plain')], { baseOffset: 0 }),
      batch([record('aborted'), record('too')], { baseOffset: 1, producerId: 7, attributes: 0x10 }),
      batch([record('committed')], { baseOffset: 3, producerId: 8, attributes: 0x10 }),
      marker(4, 7, 'abort'),
      marker(5, 8, 'commit'),
      batch([record('again')], { baseOffset: 6, producerId: 7, attributes: 0x10 }),
      marker(7, 7, 'commit'),
    ]);
    const aborted = [{ producerId: '7', firstOffset: 1 }];
    expect(values(bytes, 0, aborted)).toEqual({
      seen: [
        [0, 'plain'],
        [3, 'committed'],
        [6, 'again'],
      ],
      next: 8,
    });
  });

  test('does not hide what the same producer sends outside of a transaction', () => {
    const bytes = batch([record('plain')], { producerId: 7 });
    expect(values(bytes, 0, [{ producerId: '7', firstOffset: 0 }]).seen).toEqual([[0, 'plain']]);
  });
});

describe('a batch that lies is a fault with its offset:', () => {
  const good = () => batch([record('a'), record('b')], { baseOffset: 42 });
  const resealed = (change: (bytes: Buffer) => void) => {
    const bytes = good();
    change(bytes);
    bytes.writeUInt32BE(crc32c(bytes, 21), 17);
    return bytes;
  };
  const cases: Array<[string, Buffer]> = [
    ['a flipped bit', ((bytes) => Buffer.from(bytes.map((b, i) => (i === 63 ? b ^ 1 : b))))(good())],
    ['an old format', resealed((bytes) => bytes.writeInt8(1, 16))],
    ['too many records', resealed((bytes) => bytes.writeInt32BE(1_000_000, 57))],
    ['a record longer than its batch', resealed((bytes) => bytes.writeUInt8(0x7e, 61))],
  ];
  test.each(cases)('%s', (_, bytes) => {
    expect(() => decodeBatches(bytes, 0, [])).toThrow(BatchFault);
    expect(() => decodeBatches(bytes, 0, [])).toThrow(/offset 42/);
  });

  test('any flipped bit of a batch’s body is found', () => {
    fc.assert(
      fc.property(fc.integer({ min: 17, max: good().length - 1 }), fc.integer({ min: 0, max: 7 }), (at, bit) => {
        const bytes = good();
        bytes.writeUInt8((bytes[at] as number) ^ (1 << bit), at);
        expect(() => decodeBatches(bytes, 0, [])).toThrow(BatchFault);
      }),
    );
  });
});

describe('reads every codec:', () => {
  const many = Array.from({ length: 3_000 }, (_, i) => record(`value ${i} ${'abc'.repeat(i % 40)}`, `key ${i % 7}`));
  const xerial = (bytes: Buffer): Buffer => {
    const pieces = [Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1])];
    for (let at = 0; at < bytes.length; at += 32_768) {
      const block = Buffer.from(snappy.compress(bytes.subarray(at, at + 32_768)));
      const length = Buffer.alloc(4);
      length.writeInt32BE(block.length);
      pieces.push(length, block);
    }
    return Buffer.concat(pieces);
  };
  const codecs: Array<[string, number, (bytes: Buffer) => Uint8Array]> = [
    ['gzip', 1, (bytes) => gzipSync(bytes)],
    ['snappy', 2, (bytes) => snappy.compress(bytes)],
    ['snappy as Java frames it', 2, xerial],
    ['lz4', 3, (bytes) => lz4.compress(bytes)],
    ['zstd', 4, (bytes) => zstdCompressSync(bytes)],
  ];
  test.each(codecs)('%s', async (_, attributes, pack) => {
    const { records } = await decodeAll(batch(many, { attributes, pack }), 0);
    expect(records.map((r) => r.value?.toString())).toEqual(many.map((r) => r.value?.toString()));
    expect(records.at(-1)?.key?.toString()).toBe(many.at(-1)?.key?.toString());
  });
});

describe('hands over records without key and value, and goes on, where a batch can not be unpacked:', () => {
  const bomb = () => gzipSync(Buffer.alloc(MAX_UNPACKED_BYTES + 1));
  const cases: Array<[string, number, ((bytes: Buffer) => Uint8Array) | undefined]> = [
    ['an unknown codec', 5, undefined],
    ['bytes that are no gzip', 1, undefined],
    ['bytes that are no snappy', 2, undefined],
    ['bytes that are no lz4', 3, undefined],
    ['bytes that are no zstd', 4, undefined],
    ['a bomb', 1, bomb],
  ];
  test.each(cases)('%s', async (_, attributes, pack) => {
    const changes = { baseOffset: 42, attributes, maxTimestamp: NOW + 1, ...(pack && { pack }) };
    const bytes = Buffer.concat([
      batch([record('a', 'k'), record('b', 'k')], changes),
      batch([record('after')], { baseOffset: 44 }),
    ]);
    expect(await decodeAll(bytes, 43)).toMatchObject({
      records: [
        { offset: 43, timestamp: NOW + 1, key: null, value: null },
        { offset: 44, timestamp: NOW, key: null, value: Buffer.from('after') },
      ],
      next: 45,
      unreadable: 1,
    });
  });
});

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
