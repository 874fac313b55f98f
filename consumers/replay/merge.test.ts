import { expect, test } from 'vitest';
import { mergeByTime } from './merge.ts';

interface Batch {
  readonly name: string;
  readonly times: readonly number[];
}

async function* source(...batches: Batch[]): AsyncGenerator<Batch> {
  yield* batches;
}

async function merged(...sources: Array<AsyncIterable<Batch>>): Promise<string[]> {
  const order: string[] = [];
  for await (const runs of mergeByTime(sources)) {
    for (const { batch, from, to } of runs) {
      for (let at = from; at < to; at++) order.push(`${batch.name}${batch.times[at]}`);
    }
  }
  return order;
}

test('merges by time, over the ends of batches and past empty ones', async () => {
  const a = source({ name: 'a', times: [1, 4] }, { name: 'a', times: [] }, { name: 'a', times: [6] });
  const b = source({ name: 'b', times: [] }, { name: 'b', times: [2, 3, 5, 7] });
  expect(await merged(a, b, source())).toEqual(['a1', 'b2', 'b3', 'a4', 'b5', 'a6', 'b7']);
});

test('puts the lower partition first at the same time, each of them in its order', async () => {
  const a = source({ name: 'a', times: [5, 5] }, { name: 'a', times: [5, 9] });
  const b = source({ name: 'b', times: [5, 5, 9] });
  const c = source({ name: 'c', times: [4, 5, 9] });
  expect(await merged(a, b, c)).toEqual(['c4', 'a5', 'a5', 'a5', 'b5', 'b5', 'c5', 'a9', 'b9', 'c9']);
});

test('hands over what comes in one piece as one run', async () => {
  const runs: number[] = [];
  const sources = [source({ name: 'a', times: [1, 2, 3, 9] }), source({ name: 'b', times: [4, 5] })];
  for await (const some of mergeByTime(sources)) for (const { from, to } of some) runs.push(to - from);
  expect(runs).toEqual([3, 2, 1]);
});

test('merges more runs than come at a time', async () => {
  const odd = { name: '', times: Array.from({ length: 5_000 }, (_, index) => 2 * index + 1) };
  const even = { name: '', times: Array.from({ length: 5_000 }, (_, index) => 2 * index) };
  const order = await merged(source(odd), source(even));
  expect(order).toEqual(Array.from({ length: 10_000 }, (_, time) => `${time}`));
});

test('closes every source when nobody wants more', async () => {
  const closed: string[] = [];
  async function* watched(name: string): AsyncGenerator<Batch> {
    try {
      for (let time = 0; ; time++) yield { name, times: [time] };
    } finally {
      closed.push(name);
    }
  }
  for await (const _ of mergeByTime([watched('a'), watched('b')])) break;
  expect(closed.sort()).toEqual(['a', 'b']);
});
