import { expect, it } from 'vitest';
import { LoopRelief } from './loop-relief.ts';

const WINDOW_MAX_MS = 30;

/** A gateway whose loop is busy for a share of some seconds. */
function after(
  busy: number,
  windowMaxMs = WINDOW_MAX_MS,
  perSecond = { writes: 50_000, records: 5_000 },
): { restMs: number; pressure: number } {
  const times = { active: 0, idle: 0 };
  const work = { writes: 0, records: 0 };
  let now = 0;
  const clock = { monotonic: () => now };
  const relief = new LoopRelief(
    clock,
    windowMaxMs,
    () => ({ ...work }),
    () => ({ ...times }),
  );
  for (let sample = 0; sample < 50; sample += 1) {
    now += 100;
    times.active += 100 * busy;
    times.idle += 100 * (1 - busy);
    work.writes += perSecond.writes / 10;
    work.records += perSecond.records / 10;
    // Whoever asks for one of them asks for both.
    void relief.restMs;
    void relief.pressure;
  }
  return { restMs: relief.restMs, pressure: relief.pressure };
}

it('does nothing while there is time', () => {
  expect(after(0.65)).toEqual({ restMs: 0, pressure: 0 });
});

it('has fetches rest before it lets windows grow', () => {
  expect(after(0.75)).toEqual({ restMs: 10, pressure: 0 });
  expect(after(0.9)).toEqual({ restMs: 10, pressure: 1 });
});

it('holds no event back where none may wait', () => {
  expect(after(1, 0).restMs).toBe(0);
});

it('goes no further than live work is a part of what keeps the loop busy', () => {
  expect(after(1, WINDOW_MAX_MS, { writes: 0, records: 0 })).toEqual({ restMs: 0, pressure: 0 });
  // A storm beside 500 events a second to two members each.
  const storm = after(1, WINDOW_MAX_MS, { writes: 1_000, records: 500 });
  expect(storm.restMs).toBeLessThan(1);
  expect(storm.pressure).toBeLessThan(0.1);
  const half = after(1, WINDOW_MAX_MS, { writes: 12_500, records: 1_250 });
  expect(half).toEqual({ restMs: expect.closeTo(5, 5), pressure: expect.closeTo(0.5, 5) });
});
