import { describe, expect, it } from 'vitest';
import { parseCount, parseDuration, parseTime } from './duration.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['90s', 90_000],
    ['15m', 900_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
  ])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(['', '1', 'h', '0s', '-1s', '1 h', '1w'])('"%s" is none', (text) => {
    expect(() => parseDuration(text)).toThrow(/no duration/);
  });
});

describe('counts and times', () => {
  it('are whole numbers', () => {
    expect(parseCount('--count', '12')).toBe(12);
    for (const text of ['0', '-1', '1.5', 'x', '1e3', '99999999999999999999']) {
      expect(() => parseCount('--count', text)).toThrow(/--count/);
    }
  });

  it('are ISO 8601', () => {
    expect(parseTime('2026-11-22T06:30:00Z')).toBe(Date.UTC(2026, 10, 22, 6, 30));
    for (const text of ['yesterday', '12', '2026-13-01']) expect(() => parseTime(text)).toThrow(/no time/);
  });
});
