import { expect, test, vi } from 'vitest';
import { Pace } from './pace.ts';
import { Pulse } from './pulse.ts';

test('wakes all waiters at a beat, and forgets beats that nobody waited for', async () => {
  const pulse = new Pulse();
  pulse.beat();
  let woken = 0;
  const waiting = [pulse.next(), pulse.next()].map((next) => next.then(() => woken++));
  await Promise.resolve();
  expect(woken).toBe(0);
  pulse.beat();
  await Promise.all(waiting);
  expect(woken).toBe(2);
});

test('waits until the condition holds, not for the first beat', async () => {
  const pulse = new Pulse();
  let count = 0;
  const done = pulse.until(() => count >= 3);
  for (; count < 3; count++) {
    pulse.beat();
    await Promise.resolve();
  }
  pulse.beat();
  await done;
});

test('a pace is due only after its slice, and anew in every turn of the loop', async () => {
  const pace = new Pace(5);
  expect(pace.due(4_096)).toBe(false);
  const until = performance.now() + 6;
  while (performance.now() < until);
  expect(pace.due(4_096)).toBe(true);
  await pace.turn();
  await pace.turn();
  expect(pace.due(4_096)).toBe(false);
});

test('a pace looks at the clock before work that takes long, and once for some that does not', async () => {
  const looked = vi.spyOn(performance, 'now');
  const pace = new Pace();
  pace.due(0);
  looked.mockClear();
  pace.due(1_000_000);
  expect(looked).toHaveBeenCalledTimes(1);
  for (let count = 0; count < 160; count++) pace.due(0);
  expect(looked).toHaveBeenCalledTimes(11);
  vi.restoreAllMocks();
});
