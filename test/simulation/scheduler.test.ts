import { expect, it } from 'vitest';
import { Random } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { Trace } from './trace.ts';

const newScheduler = () => new Scheduler(new Trace());

it('does tasks in the order of their time, and of their asking where that is the same', async () => {
  const scheduler = newScheduler();
  const done: string[] = [];
  for (const [name, ms] of [
    ['b', 2],
    ['c', 2],
    ['a', 1],
    ['d', 3],
  ] as const) {
    scheduler.after(ms, null, () => done.push(`${name}@${scheduler.now}`));
  }
  expect(await scheduler.run(2.5)).toBe(false);
  expect(done).toEqual(['a@1', 'b@2', 'c@2']);
});

it('lets all that a task sets off happen before the next one begins', async () => {
  const scheduler = newScheduler();
  const done: number[] = [];
  scheduler.after(1, null, async () => {
    for (let turn = 0; turn < 5; turn++) done.push(await turn);
  });
  scheduler.after(1, null, () => done.push(9));
  await scheduler.run(10);
  expect(done).toEqual([0, 1, 2, 3, 4, 9]);
});

it('holds back what a paused actor has to do, and does it in its order when it goes on', async () => {
  const scheduler = newScheduler();
  const actor = scheduler.actor('paused');
  const done: string[] = [];
  for (const ms of [1, 2, 9]) scheduler.after(ms, actor, () => done.push(`${ms}@${scheduler.now}`));
  scheduler.pause(actor);
  scheduler.after(5, null, () => scheduler.resume(actor));
  await scheduler.run(10);
  expect(done).toEqual(['1@5', '2@5', '9@9']);
});

it('does nothing more of an actor that was killed', async () => {
  const scheduler = newScheduler();
  const actor = scheduler.actor('killed');
  const done: number[] = [];
  for (const ms of [1, 3]) scheduler.after(ms, actor, () => done.push(ms));
  scheduler.after(2, null, () => scheduler.kill(actor));
  await scheduler.run(10);
  expect(done).toEqual([1]);
});

it('stops at the first thing that nobody catches', async () => {
  const scheduler = newScheduler();
  scheduler.after(1, null, () => {
    throw new Error('not caught');
  });
  scheduler.after(2, null, () => scheduler.stop());
  expect(await scheduler.run(10)).toBe(false);
  expect(scheduler.failure).toEqual(new Error('not caught'));
  expect(scheduler.now).toBe(1);
});

it('draws the same from the same seed, something else from another, and from another stream of it', () => {
  const draw = (seed: number, stream?: number) => {
    const random = new Random(seed, stream);
    return Array.from({ length: 8 }, () => random.whole(0, 999));
  };
  expect(draw(5)).toEqual(draw(5));
  expect(draw(6)).not.toEqual(draw(5));
  expect(draw(5, 1)).not.toEqual(draw(5));
  expect(draw(5 + 2 ** 32)).not.toEqual(draw(5));
});

it('has another hash for other steps, and for the same steps of others', () => {
  const hash = (steps: ReadonlyArray<readonly [number, number]>) => {
    const trace = new Trace();
    for (const [at, actor] of steps) trace.step(at, actor);
    return trace.hash;
  };
  const first = hash([
    [1, 1],
    [2, 2],
  ]);
  expect(
    hash([
      [1, 1],
      [2, 2],
    ]),
  ).toBe(first);
  expect(
    hash([
      [1, 1],
      [2, 3],
    ]),
  ).not.toBe(first);
  expect(
    hash([
      [1, 1],
      [2.001, 2],
    ]),
  ).not.toBe(first);
});
