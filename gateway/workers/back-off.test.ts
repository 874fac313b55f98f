import { expect, test } from 'vitest';
import { FIRST_DELAY_MS, MAX_DELAY_MS, restartDelayMs } from './back-off.ts';

test('each end in a row doubles the wait, up to its limit', () => {
  expect([1, 2, 3, 7].map(restartDelayMs)).toEqual([1, 2, 4, 64].map((times) => times * FIRST_DELAY_MS));
  expect([8, 9, 5_000].map(restartDelayMs)).toEqual([MAX_DELAY_MS, MAX_DELAY_MS, MAX_DELAY_MS]);
});
