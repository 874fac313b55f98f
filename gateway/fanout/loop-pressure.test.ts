import { expect, it } from 'vitest';
import { LoopPressure } from './loop-pressure.ts';

const BOUNDS = { busy: 0.75, atEase: 0.7 };

/** A loop that is busy for a share of the time. */
function loop(): { pass(ms: number, busy: number): number } {
  const times = { active: 0, idle: 0 };
  let now = 0;
  const pressure = new LoopPressure({ monotonic: () => now }, BOUNDS, () => ({ ...times }));
  return {
    pass(ms, busy) {
      now += ms;
      times.active += ms * busy;
      times.idle += ms * (1 - busy);
      return pressure.value;
    },
  };
}

it('rises while the loop is busy, holds while it is nearly so, sinks when it has time', () => {
  const { pass } = loop();
  for (let count = 0; count < 20; count += 1) pass(100, 0.99);
  expect(pass(100, 0.99)).toBe(1);
  for (let count = 0; count < 20; count += 1) expect(pass(100, 0.72)).toBe(1);
  for (let count = 0; count < 20; count += 1) pass(100, 0.6);
  expect(pass(100, 0.6)).toBe(0);
});

it('rises by steps', () => {
  const { pass } = loop();
  const values = Array.from({ length: 20 }, () => pass(100, 0.99));
  const rises = values.map((value, index) => value - (values[index - 1] ?? 0));
  expect(Math.max(...rises)).toBeCloseTo(0.1);
});

it('takes no single full sample for a busy loop', () => {
  const { pass } = loop();
  for (let count = 0; count < 10; count += 1) {
    for (let sample = 0; sample < 9; sample += 1) expect(pass(100, 0.55)).toBe(0);
    expect(pass(100, 1)).toBe(0);
  }
});

it('looks at the loop no more often than it can tell something', () => {
  const { pass } = loop();
  for (let count = 0; count < 20; count += 1) pass(100, 0.6);
  for (let ms = 0; ms < 99; ms += 1) expect(pass(1, 1)).toBe(0);
  // The mean was known a tenth of a second ago; a whole one of nothing but work is not a sample's.
  for (let ms = 0; ms < 900; ms += 1) pass(1, 1);
  expect(pass(1, 1)).toBeGreaterThan(0);
});

it('forgets at once what is long ago', () => {
  const { pass } = loop();
  for (let count = 0; count < 20; count += 1) pass(100, 1);
  expect(pass(10_000, 0.1)).toBe(0);
});

it('reads the real loop where nothing else is said', () => {
  let now = 0;
  const pressure = new LoopPressure({ monotonic: () => now }, BOUNDS);
  // Long enough for the mean to be this sample's.
  now = 2_000;
  const until = performance.now() + 20;
  while (performance.now() < until);
  expect(pressure.value).toBeGreaterThan(0);
});
