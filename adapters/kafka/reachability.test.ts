import { expect, test } from 'vitest';
import { Reachability } from './reachability.ts';

function setup() {
  const time = { now: 0 };
  const reachability = new Reachability({ now: () => time.now, monotonic: () => time.now }, 3_000);
  return { time, reachability };
}

test('an idle log counts as reachable', () => {
  const { time, reachability } = setup();
  time.now = 1e9;
  expect(reachability.reachable).toBe(true);
  reachability.asked();
  reachability.answered();
  time.now += 1e6;
  expect(reachability.reachable).toBe(true);
});

test('a question without an answer makes it unreachable after a while', () => {
  const { time, reachability } = setup();
  reachability.asked();
  time.now = 2_999;
  expect(reachability.reachable).toBe(true);
  time.now = 3_000;
  expect(reachability.reachable).toBe(false);
});

test('a failure counts until the next answer, but not within seconds of one', () => {
  const { time, reachability } = setup();
  reachability.asked();
  reachability.failed();
  expect(reachability.reachable).toBe(false);
  reachability.asked();
  reachability.answered();
  reachability.asked();
  reachability.failed();
  expect(reachability.reachable).toBe(true);
  time.now = 3_000;
  expect(reachability.reachable).toBe(false);
});
