import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { StallWatch } from './stall-watch.ts';

const p0 = 0 as Partition;
const STALL_MS = 3_000;

describe('the stall watch', () => {
  let now = 0;
  let restarts = 0;
  let told: boolean[] = [];
  let watch: StallWatch;

  beforeEach(() => {
    vi.useFakeTimers();
    now = 1_000;
    restarts = 0;
    told = [];
    watch = new StallWatch({
      clock: { now: () => now, monotonic: () => now },
      stallMs: STALL_MS,
      longestMs: 10_000,
      onChange: (error) => told.push(error !== null),
      onRestart: () => {
        restarts += 1;
      },
    });
    watch.expect(p0);
  });
  afterEach(() => {
    watch.stop();
    vi.useRealTimers();
  });

  /** Time goes by, and the loop turns. */
  const pass = (ms: number): void => {
    for (let gone = 0; gone < ms; gone += 500) {
      now += 500;
      vi.advanceTimersByTime(500);
    }
  };
  /** Time goes by, and this process stands still. */
  const standStill = (ms: number): void => {
    now += ms;
    vi.advanceTimersByTime(500);
  };

  it('starts again what no broker answers for', () => {
    pass(STALL_MS);
    expect(restarts).toBe(1);
    expect(told).toEqual([true]);
    watch.answered(p0);
    expect(told).toEqual([true, false]);
  });

  it('holds its own standstill against no broker', () => {
    pass(1_000);
    standStill(20_000);
    expect(restarts).toBe(0);
    watch.answered(p0);
    expect(told).toEqual([]);
  });

  it('goes on counting behind a standstill', () => {
    pass(1_000);
    standStill(20_000);
    pass(STALL_MS - 1_000);
    expect(restarts).toBe(1);
  });
});
