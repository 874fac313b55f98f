import { expect, it } from 'vitest';
import { LoopRelief } from './loop-relief.ts';

const WINDOW_MAX_MS = 30;

/** A gateway whose loop is busy for a share of some seconds. */
function after(busy: number, windowMaxMs = WINDOW_MAX_MS): { restMs: number; pressure: number } {
  const times = { active: 0, idle: 0 };
  let now = 0;
  const relief = new LoopRelief({ monotonic: () => now }, windowMaxMs, () => ({ ...times }));
  for (let sample = 0; sample < 50; sample += 1) {
    now += 100;
    times.active += 100 * busy;
    times.idle += 100 * (1 - busy);
    // Whoever asks for one of them asks for both.
    void relief.restMs;
    void relief.pressure;
  }
  return { restMs: relief.restMs, pressure: relief.pressure };
}

it('does nothing while there is time', () => {
  expect(after(0.55)).toEqual({ restMs: 0, pressure: 0 });
});

it('has fetches rest before it lets windows grow', () => {
  expect(after(0.65)).toEqual({ restMs: 10, pressure: 0 });
  expect(after(0.8)).toEqual({ restMs: 10, pressure: 1 });
});

it('holds no event back where none may wait', () => {
  expect(after(1, 0).restMs).toBe(0);
});
