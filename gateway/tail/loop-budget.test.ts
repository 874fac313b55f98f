import { expect, it } from 'vitest';
import { LoopBudget } from './loop-budget.ts';

it('lets work go on within a turn and makes those who are over it queue for one turn each', async () => {
  let now = 0;
  const budget = new LoopBudget({ now: () => now, monotonic: () => now }, 20);
  expect(budget.spent()).toBe(false);
  now = 20;
  expect(budget.spent()).toBe(false);
  now = 21;
  expect(budget.spent()).toBe(true);
  const order: string[] = [];
  const work = async (name: string): Promise<void> => {
    await budget.turn();
    order.push(name);
    expect(budget.spent()).toBe(false);
    now += 30;
    expect(budget.spent()).toBe(true);
  };
  const loop = new Promise<void>((resolve) => setImmediate(() => setImmediate(() => resolve(void order.push('loop')))));
  await Promise.all([work('a'), work('b'), work('c'), loop]);
  expect(order.filter((name) => name !== 'loop')).toEqual(['a', 'b', 'c']);
  expect(order.indexOf('loop')).toBeLessThan(order.length - 1);
});

it('wakes as many in one turn as its share allows', async () => {
  let now = 0;
  const budget = new LoopBudget({ now: () => now, monotonic: () => now }, 20);
  let turns = 0;
  const woken: number[] = [];
  const work = async (): Promise<void> => {
    await budget.turn();
    woken.push(turns);
    now += 7;
  };
  const all = Promise.all([work(), work(), work(), work(), work()]);
  while (woken.length < 5) {
    await new Promise((resolve) => setImmediate(resolve));
    turns += 1;
  }
  await all;
  expect(woken.filter((turn) => turn === woken[0])).toHaveLength(3);
});

it('lets what comes first in a turn be written before anybody is woken', async () => {
  let now = 0;
  const order: string[] = [];
  const budget = new LoopBudget({ now: () => now, monotonic: () => now }, 20, () => {
    order.push('first');
    process.nextTick(() => order.push('written'));
  });
  const work = async (name: string): Promise<void> => {
    await budget.turn();
    order.push(name);
    now += 30;
  };
  await Promise.all([work('a'), work('b')]);
  expect(order).toEqual(['first', 'written', 'a', 'first', 'written', 'b']);
});
