import { expect, test } from 'vitest';
import { backOffMs, Pause } from './back-off.ts';

test('grows to a cap, anywhere between nothing and its height', () => {
  expect(backOffMs(0, () => 0.99)).toBe(0);
  expect(backOffMs(1, () => 1)).toBe(100);
  expect(backOffMs(3, () => 0.5)).toBe(200);
  expect(backOffMs(1_000, () => 1)).toBe(2_000);
  expect(backOffMs(5, () => 0)).toBe(0);
});

test('a pause ends when it is woken', async () => {
  const pause = new Pause();
  const waiting = pause.for(3_600_000);
  pause.wake();
  await waiting;
  await pause.for(0);
  await pause.for(1);
});
