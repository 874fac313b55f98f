import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Heartbeat } from './heartbeat.ts';

let pings = 0;
let timeouts = 0;
let buffered = 0;
let heartbeat: Heartbeat;

beforeEach(() => {
  vi.useFakeTimers();
  pings = 0;
  timeouts = 0;
  buffered = 0;
  heartbeat = new Heartbeat(
    { intervalMs: 1_000, timeoutMs: 100, busyTimeoutMs: 350 },
    {
      ping: () => {
        pings += 1;
      },
      isBusy: () => buffered > 0,
      onSilence: () => {
        timeouts += 1;
      },
    },
  );
  heartbeat.start();
});
afterEach(() => {
  heartbeat.stop();
  vi.useRealTimers();
});

test('pings every interval for as long as pongs come', () => {
  for (let round = 1; round <= 3; round += 1) {
    vi.advanceTimersByTime(1_000);
    expect(pings).toBe(round);
    heartbeat.onPong();
  }
  expect(timeouts).toBe(0);
});

test('a pong that does not come in time is a time-out', () => {
  vi.advanceTimersByTime(1_099);
  expect(timeouts).toBe(0);
  vi.advanceTimersByTime(10);
  expect(timeouts).toBe(1);
});

test('a pong that nobody asked for changes nothing', () => {
  vi.advanceTimersByTime(900);
  heartbeat.onPong();
  vi.advanceTimersByTime(100);
  expect(pings).toBe(1);
});

test('whoever still has bytes to take before the ping is waited for longer, but not for ever', () => {
  buffered = 1;
  vi.advanceTimersByTime(1_000 + 300);
  expect(timeouts).toBe(0);
  vi.advanceTimersByTime(110);
  expect(timeouts).toBe(1);
});

test('a pong that lay unread while the process was late counts', () => {
  vi.advanceTimersByTime(1_000);
  setTimeout(() => setImmediate(() => heartbeat.onPong()), 99);
  vi.advanceTimersByTime(500);
  expect(timeouts).toBe(0);
});

test('stops', () => {
  heartbeat.stop();
  vi.advanceTimersByTime(10_000);
  expect(pings).toBe(0);
});
