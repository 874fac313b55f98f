import { expect, test } from 'vitest';
import { Pages } from './pages.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((before, number) => before + number, 0);

test('each has its own bytes', () => {
  const pages = new Pages();
  const lengths = [0, 1, 300, 4_096, 4_097, 50_000, ...Array.from({ length: 200 }, (_, index) => 100 + index)];
  const taken = lengths.map((length, index) => pages.take(length).fill(index));
  expect(taken.map(({ length }) => length)).toEqual(lengths);
  expect(taken.every((bytes, index) => bytes.equals(Buffer.alloc(bytes.length, index)))).toBe(true);
});

test('what is kept holds on to hardly more than itself, whatever is needed for a moment beside it', () => {
  for (const [bytes, count, most] of [
    [20, 20_000, 1.1],
    [200, 4_000, 1.1],
    [2_100, 4_000, 1.2],
    [4_100, 200, 1],
    [90_000, 20, 1],
  ] as const) {
    const pages = new Pages();
    const kept: Uint8Array[] = [];
    for (let index = 0; index < count; index += 1) {
      kept.push(pages.take(bytes));
      Buffer.allocUnsafe(bytes);
      // The older half is let go.
      if (index % 2 === 1) kept.shift();
    }
    const held = [...new Set(kept.map(({ buffer }) => buffer))].map(({ byteLength }) => byteLength);
    expect(sum(held) / sum(kept.map(({ byteLength }) => byteLength))).toBeLessThanOrEqual(most);
  }
});
