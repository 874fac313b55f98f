import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Expiry } from './expiry.ts';

const clock = { now: () => Date.now(), monotonic: () => 0 };
let expired = 0;
const expiry = new Expiry(clock, {
  onExpired: () => {
    expired += 1;
  },
});

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 });
  expired = 0;
});
afterEach(() => {
  expiry.stop();
  vi.useRealTimers();
});

test('calls back at its moment', () => {
  expiry.at(1_000_500);
  vi.advanceTimersByTime(499);
  expect(expired).toBe(0);
  vi.advanceTimersByTime(1);
  expect(expired).toBe(1);
});

test('calls back at once for a moment that has passed', () => {
  expiry.at(5);
  vi.advanceTimersByTime(0);
  expect(expired).toBe(1);
});

test('waits longer than a timer can, where it has to', () => {
  const yearMs = 31_536_000_000;
  expiry.at(1_000_000 + yearMs);
  vi.advanceTimersByTime(yearMs - 1);
  expect(expired).toBe(0);
  vi.advanceTimersByTime(1);
  expect(expired).toBe(1);
});
