import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PacedLine } from './paced-line.ts';

let now = 0;
const clock = { monotonic: () => now };
const line = (perSecond: number, maxWaitMs: number): PacedLine => new PacedLine({ perSecond, maxWaitMs, clock });
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1) {
    now += 1;
    await vi.advanceTimersByTimeAsync(1);
  }
}
beforeEach(() => {
  now = 1_000;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe('PacedLine', () => {
  it('lets one begin at once, and the rest at its rate, in order', async () => {
    const paced = line(100, 10_000);
    const begun: number[] = [];
    for (let number = 0; number < 60; number += 1) {
      expect(
        paced.enter(() => {
          begun.push(number);
          return true;
        }),
      ).toBe(0);
    }
    expect(begun).toHaveLength(1);
    await pass(100);
    expect(begun).toHaveLength(11);
    await pass(490);
    expect(begun).toEqual(Array.from({ length: 60 }, (_, number) => number));
    expect(paced.waiting).toBe(0);
  });

  it('lets no more than a five-hundredth of a second’s worth begin in one turn, however late that is', async () => {
    const paced = line(1_000, 10_000);
    let begun = 0;
    const enter = (): number => paced.enter(() => ++begun > 0);
    for (let number = 0; number < 60; number += 1) expect(enter()).toBe(0);
    expect(begun).toBe(2);
    // A turn that took long.
    now += 50;
    await pass(1);
    expect(begun).toBe(4);
  });

  it('sends away whom it could not serve in time, each to a later moment', async () => {
    const paced = line(100, 500);
    const answers = Array.from({ length: 100 }, () => paced.enter(() => true));
    expect(answers.filter((ms) => ms === 0)).toHaveLength(51);
    const away = answers.filter((ms) => ms > 0);
    expect(away[0]).toBeGreaterThanOrEqual(500);
    for (let index = 1; index < away.length; index += 1) {
      expect((away[index] as number) - (away[index - 1] as number)).toBe(10);
    }
    expect(paced.refused).toBe(49);
    await pass(away[0] as number);
    expect(paced.enter(() => true)).toBe(0);
  });

  it('gives the turn of one that is not wanted any more to the next', () => {
    const paced = line(10, 10_000);
    expect(paced.enter(() => true)).toBe(0);
    const begun: string[] = [];
    paced.enter(() => false);
    paced.enter(() => begun.push('second') > 0);
    now += 100;
    vi.advanceTimersByTime(100);
    expect(begun).toEqual(['second']);
  });

  it('leaves nobody waiting when it is stopped', () => {
    const paced = line(10, 10_000);
    let begun = 0;
    for (let number = 0; number < 5; number += 1) paced.enter(() => ++begun > 0);
    expect(begun).toBe(1);
    paced.stop();
    expect(begun).toBe(5);
    expect(vi.getTimerCount()).toBe(0);
  });
});
