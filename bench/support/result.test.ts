import { describe, expect, test } from 'vitest';
import { isMet, rowOf } from './result.ts';

const goal = { figure: 'P1', what: 'deliveries', unit: '' } as const;
const about = { case: '20 events/s', side: 'roomlog', metric: 'p99', unit: 'ms' };

describe('a bench result', () => {
  test('counts a goal as met up to its bound, and not beyond', () => {
    expect(isMet({ ...goal, value: 10, atLeast: 10 })).toBe(true);
    expect(isMet({ ...goal, value: 9.99, atLeast: 10 })).toBe(false);
    expect(isMet({ ...goal, value: 50, atMost: 50 })).toBe(true);
    expect(isMet({ ...goal, value: 50.1, atMost: 50 })).toBe(false);
  });

  test('never counts a goal as met whose value is not a number', () => {
    expect(isMet({ ...goal, value: Number.NaN, atMost: 50 })).toBe(false);
  });

  test('refuses a goal that nothing could miss', () => {
    expect(() => isMet({ ...goal, value: 1 })).toThrow('no bound');
  });

  test('gives median and range of the rounds that count', () => {
    expect(rowOf(about, [3, 1.006, 2])).toEqual({ ...about, median: 2, low: 1.01, high: 3, rounds: 3 });
  });

  test('refuses a row that no round stands for', () => {
    expect(() => rowOf(about, [])).toThrow('no round of roomlog counts');
  });
});
