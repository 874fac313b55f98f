import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Queue } from './queue.ts';

/** Runs of one action make it grow and shrink over several lengths. */
const ACTIONS = fc.array(
  fc.tuple(
    fc.oneof(
      { weight: 4, arbitrary: fc.constant('push' as const) },
      { weight: 3, arbitrary: fc.constant('shift' as const) },
      { weight: 1, arbitrary: fc.constant('unshift' as const) },
    ),
    fc.integer({ min: 1, max: 40 }),
  ),
  { maxLength: 25, size: 'max' },
);

it('behaves as an array, whatever its items are', () => {
  fc.assert(
    fc.property(
      ACTIONS,
      fc.constantFrom<(n: number) => unknown>(Number, String, (n) => ({ n })),
      (actions, make) => {
        const queue = new Queue<unknown>();
        const model: unknown[] = [];
        let made = 0;
        for (const [what, times] of actions) {
          for (let count = 0; count < times; count += 1) {
            const item = make(made++);
            if (what === 'shift') expect(queue.shift()).toBe(model.shift());
            else if (what === 'unshift') {
              queue.unshift(item);
              model.unshift(item);
            } else {
              expect(queue.push(item)).toBe(true);
              model.push(item);
            }
          }
          expect(model.every((item, index) => queue.at(index) === item)).toBe(true);
          expect([queue.at(-1), queue.at(model.length)]).toEqual([undefined, undefined]);
          expect([queue.size, queue.peek(), queue.last()]).toEqual([model.length, model[0], model.at(-1)]);
        }
        queue.clear();
        expect([queue.size, queue.peek(), queue.shift()]).toEqual([0, undefined, undefined]);
      },
    ),
  );
});

it('takes no more than its limit', () => {
  fc.assert(
    fc.property(ACTIONS, fc.integer({ min: 1, max: 50 }), (actions, limit) => {
      const queue = new Queue<number>(limit);
      for (const [what, times] of actions) {
        for (let count = 0; count < times; count += 1) {
          const { size } = queue;
          if (what === 'shift') queue.shift();
          else expect(queue.push(count)).toBe(size < limit);
          expect(queue.size).toBeLessThanOrEqual(limit);
        }
      }
    }),
  );
});

/** Bytes of V8's heap after a full collection. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed;
}

it('lets go of what was taken', () => {
  const before = heapBytes();
  const queue = new Queue<object>();
  for (let count = 0; count < 40_000; count += 1) queue.push(new Array(20).fill(count));
  const full = heapBytes() - before;
  for (let count = 0; count < 20_000; count += 1) queue.shift();
  expect((heapBytes() - before) / full).toBeLessThan(0.75);
  expect(queue.at(0)).toHaveLength(20);
});

it('gives back the room for what it no longer holds', () => {
  const queue = new Queue<number>();
  for (let count = 0; count < 1_000_000; count += 1) queue.push(count);
  const full = heapBytes();
  while (queue.size > 1) queue.shift();
  // Eight bytes a slot.
  expect(full - heapBytes()).toBeGreaterThan(6_000_000);
  expect(queue.at(0)).toBe(999_999);
});
