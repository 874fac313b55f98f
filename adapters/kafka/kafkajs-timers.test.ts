import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import './kafkajs-timers.ts';
import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

const silent = { namespace: () => ({ debug: () => {}, warn: () => {} }), debug: () => {}, warn: () => {} };
let queue: RequestQueue;
let delays: Array<number | undefined>;

beforeEach(() => {
  vi.useFakeTimers();
  delays = [];
  const arm = setTimeout;
  vi.stubGlobal('setTimeout', (handler: () => void, ms?: number) => {
    delays.push(ms);
    return arm(handler, ms);
  });
  queue = new RequestQueue({
    instrumentationEmitter: null,
    maxInFlightRequests: null,
    requestTimeout: 1_000,
    enforceRequestTimeout: false,
    clientId: 'test',
    broker: 'localhost:9092',
    logger: silent,
  });
});
afterEach(() => {
  queue.destroy();
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('a connection of kafkajs', () => {
  test('arms no timer while nothing waits', () => {
    queue.checkPendingRequests();
    queue.scheduleCheckPendingRequests();
    expect(delays).toEqual([]);
  });

  test('looks again when the throttling ends, at most once at a time, and never after a negative time', () => {
    queue.maybeThrottle(5_000);
    queue.pending.push({});
    queue.scheduleCheckPendingRequests();
    queue.scheduleCheckPendingRequests();
    expect(delays).toEqual([5_000]);
    queue.pending.pop();
    vi.advanceTimersByTime(5_000);
    expect(queue.throttleCheckTimeoutId).toBeNull();
    queue.pending.push({});
    queue.scheduleCheckPendingRequests();
    expect(delays).toEqual([5_000, 10]);
  });
});
