import { expect, test } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { InboundQueue } from './inbound-queue.ts';

const record = (offset: number, bytes = 100): LogRecord => ({
  offset: offset as Offset,
  timestamp: 1,
  key: null,
  value: Buffer.alloc(bytes),
});
const drain = (queue: InboundQueue): number[] => {
  const offsets: number[] = [];
  for (let next = queue.peek(); next !== undefined; next = queue.peek()) {
    offsets.push(next.offset);
    queue.shift();
  }
  return offsets;
};

test('keeps the order, also of what is put back', () => {
  const queue = new InboundQueue({ queueBytes: 524_288 });
  queue.push([record(1), record(2), record(3)], 0);
  queue.shift();
  queue.shift();
  queue.unshift([record(1), record(2)]);
  expect(queue.size).toBe(3);
  expect(drain(queue)).toEqual([1, 2, 3]);
});

test('holds the next fetch back while it is over its limit, and lets it go on when there is place', async () => {
  const queue = new InboundQueue({ queueBytes: 250 });
  expect(queue.push([record(1)], 0)).toBeNull();
  let released = false;
  const held = queue.push([record(2), record(3)], 0)?.then(() => {
    released = true;
  });
  expect(held).toBeDefined();
  await Promise.resolve();
  expect(released).toBe(false);
  queue.shift();
  queue.shift();
  await held;
  expect(released).toBe(true);
});

test('lets a held fetch go when it is cleared', async () => {
  const queue = new InboundQueue({ queueBytes: 50 });
  const held = queue.push([record(1)], 0);
  queue.clear();
  await held;
  expect(queue.size).toBe(0);
});

test('keeps its place through many records', () => {
  const queue = new InboundQueue({ queueBytes: 1e9 });
  const offsets = Array.from({ length: 10_000 }, (_, n) => n);
  queue.push(
    offsets.map((n) => record(n, 1)),
    0,
  );
  expect(drain(queue)).toEqual(offsets);
});
