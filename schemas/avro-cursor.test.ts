import avsc from 'avsc';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RoomlogError } from '../core/errors.ts';
import { AvroCursor } from './avro-cursor.ts';
import { AvroScratch } from './avro-scratch.ts';

const type = avsc.Type.forSchema({
  type: 'record',
  name: 'All',
  fields: [
    { name: 'long', type: 'long' },
    { name: 'text', type: 'string' },
    { name: 'flag', type: 'boolean' },
    { name: 'bytes', type: 'bytes' },
    { name: 'maybeText', type: ['null', 'string'] },
    { name: 'maybeLong', type: ['null', 'long'] },
    { name: 'double', type: 'double' },
    { name: 'list', type: { type: 'array', items: 'string' } },
  ],
});
const text = fc.string({ unit: 'binary', maxLength: 40 });
// avsc itself reads and writes up to 2^52 or so.
const long = fc.integer({ min: -(2 ** 51), max: 2 ** 51 });
const value = fc.record({
  long,
  text,
  flag: fc.boolean(),
  bytes: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  maybeText: fc.option(text),
  maybeLong: fc.option(long),
  double: fc.double({ noNaN: true }),
  list: fc.array(text, { maxLength: 5 }),
});
const scratch = new AvroScratch();

const corrupt = (read: () => unknown): void => {
  expect(read).toThrow(expect.objectContaining({ name: 'RoomlogError', code: 'corrupt_record' }));
};

describe('Avro’s binary form', () => {
  it('is written as avsc writes it, and read as avsc reads it', () => {
    fc.assert(
      fc.property(value, (all) => {
        scratch.begin().long(all.long).string(all.text).boolean(all.flag).bytes(all.bytes);
        scratch.optionalString(all.maybeText).optionalLong(all.maybeLong).double(all.double);
        if (all.list.length > 0) scratch.long(all.list.length);
        for (const item of all.list) scratch.string(item);
        const bytes = scratch.long(0).take();
        expect(bytes).toEqual(type.toBuffer(all));
        const cursor = new AvroCursor(bytes);
        expect({
          long: cursor.long(),
          text: cursor.string(),
          flag: cursor.boolean(),
          bytes: Buffer.from(cursor.bytes()),
          maybeText: cursor.optionalString() ?? null,
          maybeLong: cursor.optionalLong() ?? null,
          double: cursor.fixed(8).readDoubleLE(),
          list: cursor.array(1, () => cursor.string()),
        }).toEqual(all);
        cursor.end();
      }),
    );
  });

  it('holds every safe integer, and with big numbers all 64 bits', () => {
    const edges = [0, -1, 63, 64, -64, -65, 2 ** 27, 2 ** 31, -(2 ** 31), 2 ** 52, 2 ** 53 - 1, 1 - 2 ** 53];
    for (const edge of edges) expect(new AvroCursor(scratch.begin().long(edge).take()).long()).toBe(edge);
    for (const edge of [0n, -1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
      const bytes = scratch.begin().bigLong(edge).take();
      expect(new AvroCursor(bytes).bigLong()).toBe(edge);
      if (edge > 1n || edge < -1n) corrupt(() => new AvroCursor(bytes).long());
    }
  });

  it('grows for a large value, and is small again after it', () => {
    const large = Buffer.alloc(3_000_000, 7);
    expect(new AvroCursor(scratch.begin().long(1).bytes(large).take(), 1).bytes()).toEqual(large);
    expect(scratch.begin().string('small').take().toString()).toBe('\nsmall');
  });

  it('reads blocks with their size, as some writers write them', () => {
    const bytes = scratch.begin().long(-2).long(4).string('a').string('b').long(1).string('c').long(0).take();
    const cursor = new AvroCursor(bytes);
    expect(cursor.array(1, () => cursor.string())).toEqual(['a', 'b', 'c']);
    cursor.end();
  });

  it('refuses what is not there, or not allowed, whatever a length or a count says', () => {
    const of = (...bytes: number[]): AvroCursor => new AvroCursor(Buffer.from(bytes));
    corrupt(() => of().long());
    corrupt(() => of(0x80).long());
    corrupt(() => of(...Array(10).fill(0xff), 1).long());
    corrupt(() => of(2).boolean());
    corrupt(() => of(1).bytes());
    corrupt(() => of(4, 1).bytes());
    corrupt(() => of(2, 0xff).string());
    corrupt(() => of(4).branch(2));
    corrupt(() => of(1).branch(2));
    corrupt(() => of(0).end());
    for (const count of [2 ** 40, -(2 ** 40), 3]) {
      const cursor = new AvroCursor(Buffer.concat([scratch.begin().long(count).long(0).take(), Buffer.alloc(1)]));
      let made = 0;
      corrupt(() => cursor.array(1, () => made++));
      expect(made).toBe(0);
    }
  });

  it('of random bytes never does anything else than that', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.infiniteStream(fc.nat(6)), (bytes, choice) => {
        const cursor = new AvroCursor(Buffer.from(bytes));
        const reads = [
          () => cursor.long(),
          () => cursor.boolean(),
          () => cursor.bytes(),
          () => cursor.string(),
          () => cursor.branch(9),
          () => cursor.optionalString(),
          () => cursor.array(1, () => cursor.string()),
        ];
        try {
          while (cursor.remaining > 0) reads[choice.next().value as number]?.();
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RoomlogError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
