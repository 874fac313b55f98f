import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';

const sure = (random: number) => new Backoff({ minMs: 100, maxMs: 1_000, random: () => random });

describe('Backoff', () => {
  it('doubles the ceiling of its full jitter up to the greatest wait', () => {
    const backoff = sure(0.999);
    const waits = [1, 2, 3, 4, 5, 6].map(() => backoff.wait());
    expect(waits).toEqual([99, 199, 399, 799, 999, 999]);
    backoff.reset();
    expect(backoff.wait()).toBe(99);
  });

  it('may wait not at all, so that many clients spread over the whole range', () => {
    expect(sure(0).decide(1013, null)).toEqual({ kind: 'retry', waitMs: 0 });
  });

  it.each([1000, 1001])('ends quietly after %i', (code) => {
    expect(sure(0.5).decide(code, null)).toEqual({ kind: 'stop', failed: false });
  });

  it.each([1003, 1008, 1009, 4403, 4406])('ends with an error after %i', (code) => {
    expect(sure(0.5).decide(code, null)).toEqual({ kind: 'stop', failed: true });
  });

  it('waits as long as a reconnect frame said before 1012, and backs off where none came', () => {
    expect(sure(0.5).decide(1012, 321)).toEqual({ kind: 'retry', waitMs: 321 });
    expect(sure(0.5).decide(1012, null)).toEqual({ kind: 'retry', waitMs: 50 });
  });

  it.each([1006, 1011, 1013, 4408])('backs off after %i', (code) => {
    expect(sure(0.5).decide(code, null)).toEqual({ kind: 'retry', waitMs: 50 });
  });

  it('always waits after 4429', () => {
    expect(sure(0).decide(4429, null)).toEqual({ kind: 'retry', waitMs: 1_000 });
  });

  it('renews the token at once after the first 4401, later after a wait', () => {
    const backoff = sure(0.5);
    expect(backoff.decide(4401, null)).toEqual({ kind: 'renew', waitMs: 0 });
    expect(backoff.decide(4401, null)).toEqual({ kind: 'renew', waitMs: 100 });
  });
});
