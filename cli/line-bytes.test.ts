import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineBytes } from './line-bytes.ts';
import { SpareBuffers } from './spare-buffers.ts';

const into = new LineBytes(new SpareBuffers(16));
const written = (write: (into: LineBytes) => void): string => {
  write(into);
  expect(into.length).toBe(Buffer.byteLength(Buffer.from(into.take())));
  expect(into.length).toBe(0);
  write(into);
  return Buffer.from(into.take()).toString('utf8');
};
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '\n', '\u007f', '\u2028', 'a') }),
);

test('quotes text as JSON.stringify does', () => {
  fc.assert(
    fc.property(text, text, (one, other) => {
      expect(written((into) => into.quoted(one).quoted(other))).toBe(JSON.stringify(one) + JSON.stringify(other));
    }),
    { numRuns: 1_000 },
  );
});

test('writes text as UTF-8, bytes as they are, and whole numbers in decimal', () => {
  const number = fc.oneof(fc.maxSafeInteger(), fc.integer({ min: 0, max: 2 ** 31 }), fc.nat(12));
  const around = fc.integer({ min: 0, max: 15 }).chain((power) => fc.constantFrom(10 ** power - 1, 10 ** power));
  fc.assert(
    fc.property(
      text.filter((s) => s.isWellFormed()),
      fc.oneof(number, around),
      fc.uint8Array(),
      (some, value, bytes) => {
        const found = into.text(some).integer(value).raw(bytes).take();
        expect(Buffer.from(found)).toEqual(Buffer.concat([Buffer.from(`${some}${value}`), bytes]));
      },
    ),
    { numRuns: 1_000 },
  );
  for (const value of [2 ** 31 - 1, 2 ** 31, 2 ** 53 - 1, -1, -(2 ** 40), 1_800_000_000_000, 10_000_000]) {
    expect(written((into) => into.integer(value))).toBe(`${value}`);
  }
});

test('grows as far as it has to, and what was taken stays as it was', () => {
  const first = into.text('kept').take();
  const piece = 'ü'.repeat(100_000);
  for (let count = 0; count < 30; count++) into.text(piece).quoted(piece).raw(Buffer.from('.'));
  const second = into.take();
  expect(Buffer.from(second).toString()).toBe(`${piece}"${piece}".`.repeat(30));
  expect(Buffer.from(first).toString()).toBe('kept');
  expect(second.buffer).not.toBe(first.buffer);
});
