import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Aborted, batch, decodeBatches, NOW, record } from './batch.fixture.ts';
import { BatchFault } from './batch-header.ts';
import { crc32c } from './crc32c.ts';

/** A transaction's marker: key is version and type. */
function marker(baseOffset: number, producerId: number, type: 'abort' | 'commit'): Buffer {
  const key = Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]);
  return batch([{ key, value: Buffer.alloc(6) }], { baseOffset, producerId, attributes: 0x30 });
}

const values = (bytes: Buffer, from = 0, aborted: Aborted = []) => {
  const { records, next } = decodeBatches(bytes, from, aborted);
  return { seen: records.map((r) => [r.offset, r.value?.toString() ?? null]), next };
};

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
