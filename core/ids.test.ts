import { describe, expect, it } from 'vitest';
import { offset } from './ids.ts';

describe('offset', () => {
  it.each([
    ['0', 0],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    [-1, -1],
    [7n, 7],
  ])('takes %s', (value, expected) => {
    expect(offset(value)).toBe(expected);
  });

  it.each(['', 'x', '1.5', '-2', '9007199254740993', Number.NaN, Number.POSITIVE_INFINITY, 2n ** 60n])(
    'refuses %s',
    (value) => {
      expect(() => offset(value)).toThrow(expect.objectContaining({ code: 'corrupt_record' }));
    },
  );
});
