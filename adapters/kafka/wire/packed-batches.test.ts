import { gzipSync, zstdCompressSync } from 'node:zlib';
import lz4 from 'lz4js';
import snappy from 'snappyjs';
import { describe, expect, test } from 'vitest';
import { MAX_UNPACKED_BYTES } from '../codecs.ts';
import { batch, decodeAll, NOW, record } from './batch.fixture.ts';

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
