import { describe, expect, test } from 'vitest';
import { figure, shortFigure, ticksTo } from './svg.ts';

describe('numbers of charts and tables', () => {
  test.each([
    [1_234_567.8, '1,234,568'],
    [100, '100'],
    [15.949, '15.9'],
    [0.12345, '0.123'],
    [0, '0'],
    [Number.NaN, '–'],
  ])('%d reads as %s', (value, said) => {
    expect(figure(value)).toBe(said);
  });

  test.each([
    [2_600_000, '2.6M'],
    [250_000, '250k'],
    [2_500, '2,500'],
  ])('%d is %s on an axis', (value, said) => {
    expect(shortFigure(value)).toBe(said);
  });

  test('ticks are round, begin at 0 and reach the highest value', () => {
    expect(ticksTo(7_076)).toEqual([0, 2_000, 4_000, 6_000, 8_000]);
    expect(ticksTo(0.3)).toEqual([0, 0.1, 0.2, 0.3]);
    expect(ticksTo(0)).toEqual([0, 1]);
  });
});
