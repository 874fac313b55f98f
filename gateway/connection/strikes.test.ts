import { expect, test } from 'vitest';
import { Strikes } from './strikes.ts';

test('the strike that fills the window is told', () => {
  const strikes = new Strikes(3, 1_000);
  expect([0, 400, 1_000].map((time) => strikes.add(time))).toEqual([false, false, true]);
});

test('strikes that are further apart than the window are forgiven for ever', () => {
  const strikes = new Strikes(3, 1_000);
  for (let time = 0; time < 100_000; time += 501) expect(strikes.add(time)).toBe(false);
});
