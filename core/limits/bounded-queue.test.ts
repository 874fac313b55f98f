import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';

describe('BoundedQueue', () => {
  it('behaves as an array that refuses to grow past its limit', () => {
    const action = fc.oneof(
      { weight: 3, arbitrary: fc.constant('push') },
      { weight: 2, arbitrary: fc.constant('shift') },
    );
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 300, size: 'max' }),
        fc.integer({ min: 1, max: 50 }),
        (actions, limit) => {
          const queue = new BoundedQueue<number>(limit);
          const model: number[] = [];
          for (const [item, what] of actions.entries()) {
            if (what === 'shift') expect(queue.shift()).toBe(model.shift());
            else expect(queue.push(item)).toBe(model.length < limit && model.push(item) > 0);
            expect([queue.size, queue.peek(), queue.last()]).toEqual([model.length, model[0], model.at(-1)]);
          }
          queue.clear();
          expect([queue.size, queue.shift()]).toEqual([0, undefined]);
        },
      ),
    );
  });
});
