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
  expect([pass(100, 0.99), pass(100, 0.99), pass(100, 0.7), pass(100, 0.99)]).toEqual([0.25, 0.5, 0.5, 0.75]);
  expect([pass(100, 1), pass(100, 1)]).toEqual([1, 1]);
  expect([pass(100, 0.7), pass(100, 0.6), pass(200, 0.2)].map((value) => Math.round(value * 10))).toEqual([10, 9, 7]);
});

it('looks at the loop no more often than it can tell something', () => {
  const { pass } = loop();
  for (let ms = 0; ms < 99; ms += 1) expect(pass(1, 1)).toBe(0);
  expect(pass(1, 1)).toBe(0.25);
});

it('forgets at once what is long ago', () => {
  const { pass } = loop();
  for (let count = 0; count < 4; count += 1) pass(100, 1);
  expect(pass(10_000, 0.1)).toBe(0);
});

it('reads the real loop where nothing else is said', () => {
  let now = 0;
  const pressure = new LoopPressure({ monotonic: () => now }, BOUNDS);
  now = 100;
  const until = performance.now() + 20;
  while (performance.now() < until);
  expect(pressure.value).toBeGreaterThan(0);
});
