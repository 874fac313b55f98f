import { expect, it } from 'vitest';
import { InFlight, MAX_IN_FLIGHT } from './in-flight.ts';

const refused = (code: string) => expect.objectContaining({ code });

it('takes an id once until it is answered, in whatever order answers come', () => {
  const inFlight = new InFlight();
  for (const id of [7, 1, 9]) inFlight.begin(id);
  for (const id of [7, 1, 9]) expect(() => inFlight.begin(id)).toThrow(refused('bad_frame'));
  for (const id of [1, 7, 8]) inFlight.end(id);
  expect([inFlight.size, inFlight.has(1), inFlight.has(7), inFlight.has(9)]).toEqual([1, false, false, true]);
  inFlight.begin(7);
  expect(inFlight.size).toBe(2);
});

it('takes no more than its limit, and one more for each answer', () => {
  const inFlight = new InFlight();
  for (let id = 0; id < MAX_IN_FLIGHT; id += 1) inFlight.begin(id);
  expect(() => inFlight.begin(-1)).toThrow(refused('rate_limited'));
  inFlight.end(100);
  inFlight.begin(-1);
  expect(() => inFlight.begin(-2)).toThrow(refused('rate_limited'));
});

it('is idle when the last answer has gone out', async () => {
  const inFlight = new InFlight();
  inFlight.begin(1);
  inFlight.begin(2);
  let isIdle = false;
  const idle = inFlight.idle(60_000).then(() => {
    isIdle = true;
  });
  inFlight.end(2);
  await Promise.resolve();
  expect(isIdle).toBe(false);
  inFlight.end(1);
  await idle;
});
