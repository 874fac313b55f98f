import fc from 'fast-check';
import { expect, test } from 'vitest';
import { recurring } from './recurring-text.ts';

const read = (text: string): string | null => {
  const bytes = Buffer.from(`<<${text}>>`);
  return recurring(bytes, 2, bytes.length - 2);
};

test('is the text of the bytes, whoever had its place before', () => {
  // Many share length and end, so they share a place.
  const names = fc.tuple(
    fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 }),
    fc.constantFrom('', '-the-same-end'),
  );
  fc.assert(
    fc.property(fc.array(names.map((parts) => parts.join(''))), (texts) => {
      for (const text of texts) expect(read(text)).toBe(text);
    }),
    { numRuns: 1_000 },
  );
});

test('is left to others where it is no ASCII or long, even where the place knows the same length', () => {
  expect(read('ab')).toBe('ab');
  expect(read('ü')).toBeNull();
  expect(read('a'.repeat(64))).toBe('a'.repeat(64));
  expect(read('a'.repeat(65))).toBeNull();
  expect(read('')).toBe('');
});
