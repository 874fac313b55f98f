import { describe, expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

describe('TokenBucket', () => {
  it('grants a burst, then tells how long to wait', () => {
    let now = 0;
    const bucket = new TokenBucket({ perSecond: 10, burst: 3, now: () => now });
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 0]);
    expect(bucket.take()).toBe(100);
    now = 99;
    expect(bucket.take()).toBe(1);
    now = 100;
    expect(bucket.take()).toBe(0);
    expect(bucket.take(2)).toBe(200);
  });

  it('takes nothing when it refuses, and holds no more than a burst', () => {
    let now = 0;
    const bucket = new TokenBucket({ perSecond: 1000, burst: 5, now: () => now });
    expect(bucket.take(5)).toBe(0);
    expect(bucket.take(5)).toBe(5);
    now = 1_000_000;
    expect(bucket.take(5)).toBe(0);
    expect(bucket.take(1)).toBe(1);
    expect(bucket.take(6)).toBe(Number.POSITIVE_INFINITY);
  });

  it('is not confused by a clock that stands still or goes back', () => {
    let now = 1000;
    const bucket = new TokenBucket({ perSecond: 10, burst: 1, now: () => now });
    expect(bucket.take()).toBe(0);
    now = 500;
    expect(bucket.take()).toBe(100);
    now = 1100;
    expect(bucket.take()).toBe(0);
  });
});
