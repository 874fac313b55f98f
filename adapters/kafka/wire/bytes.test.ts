/** What was written is read again. */
import { expect, test } from 'vitest';
import { ByteReader, ByteWriter } from './bytes.ts';

test('every type is read as it was written', () => {
  const body = new ByteWriter()
    .int8(-1)
    .int16(-2)
    .int32(-3)
    .int64(-1)
    .int64(Number.MAX_SAFE_INTEGER)
    .string(null)
    .string('Räume')
    .array([1, 2], (writer, item) => writer.int32(item))
    .raw(Buffer.from('end'))
    .finish();
  const reader = new ByteReader(body);
  expect([reader.int8(), reader.int16(), reader.int32(), reader.int64(), reader.int64()]).toEqual([
    ...[-1, -2, -3, -1],
    Number.MAX_SAFE_INTEGER,
  ]);
  expect([reader.string(), reader.string()]).toEqual([null, 'Räume']);
  expect(reader.array((each) => each.int32())).toEqual([1, 2]);
  expect(reader.take(3).toString()).toBe('end');
  expect(reader.at).toBe(body.length);
});

test('a body grows past what it began with, and keeps what stands in it', () => {
  const numbers = Array.from({ length: 3_000 }, (_, index) => index);
  const large = Buffer.alloc(100_000, 7);
  const body = new ByteWriter()
    .array(numbers, (writer, item) => writer.int32(item))
    .raw(large)
    .int16(5)
    .finish();
  const reader = new ByteReader(body);
  expect(reader.array((each) => each.int32())).toEqual(numbers);
  expect(reader.take(large.length).equals(large)).toBe(true);
  expect(reader.int16()).toBe(5);
  expect(reader.at).toBe(body.length);
});
