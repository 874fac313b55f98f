import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { ReadOrder } from './read-order.ts';

const partition = (number: number): Partition => number as Partition;
let now = 0;
const clock = { monotonic: () => now };

/** Lets what is begun begin. */
async function settle(): Promise<void> {
  for (let turns = 0; turns < 10; turns += 1) await null;
}

/** Reads that end only when told to; `begun` says in which order they were started. */
function watched(bytesPerSecond = 1e9): {
  begun: string[];
  ask(number: number, offset: number, bytes?: number): Promise<void>;
  endOne(): Promise<void>;
  order: ReadOrder;
} {
  const order = new ReadOrder({ clock, bytesPerSecond });
  const begun: string[] = [];
  const ends: Array<() => void> = [];
  return {
    begun,
    order,
    ask: (number, offset, bytes = 1) =>
      order.run(partition(number), offset, bytes, () => {
        begun.push(`${number}/${offset}`);
        return new Promise<void>((resolve) => ends.push(resolve));
      }),
    endOne: async () => {
      await settle();
      ends.shift()?.();
      await settle();
    },
  };
}

beforeEach(() => {
  now = 0;
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

describe('the order of reads', () => {
  it('runs four at a time, in turns of partitions', async () => {
    const { begun, ask, endOne } = watched();
    for (const offset of [10, 20, 30, 40, 50, 60, 70]) void ask(0, offset);
    for (const offset of [5, 6]) void ask(1, offset);
    await settle();
    expect(begun).toEqual(['0/10', '0/20', '0/30', '0/40']);
    for (let ended = 0; ended < 5; ended += 1) await endOne();
    expect(begun.slice(4)).toEqual(['0/50', '1/5', '0/60', '1/6', '0/70']);
  });

  it('sweeps upwards: what lies below waits until the sweep is over', async () => {
    const { begun, ask, endOne } = watched();
    for (const offset of [100, 101, 102, 103]) void ask(0, offset);
    void ask(0, 5);
    void ask(0, 200);
    void ask(0, 150);
    for (let ended = 0; ended < 3; ended += 1) await endOne();
    expect(begun.slice(4)).toEqual(['0/150', '0/200', '0/5']);
  });

  it('ends a sweep after 64 reads, so that one who reads on and on keeps nobody waiting', async () => {
    const { begun, ask, endOne } = watched();
    for (const offset of [1_000, 1_001, 1_002, 1_003]) void ask(0, offset);
    void ask(0, 7);
    for (let reads = 4; reads < 200; reads += 1) {
      void ask(0, 1_000 + reads);
      await endOne();
    }
    expect(begun.indexOf('0/7')).toBe(64);
  });

  it('begins no more bytes a second than allowed, and all of them in the end', async () => {
    const { begun, ask, endOne } = watched(1_000);
    for (const offset of [1, 2, 3, 4]) void ask(0, offset, 500);
    await settle();
    expect(begun).toEqual(['0/1', '0/2']);
    await endOne();
    await endOne();
    expect(begun).toHaveLength(2);
    now = 499;
    await vi.advanceTimersByTimeAsync(499);
    expect(begun).toHaveLength(2);
    now = 501;
    await vi.advanceTimersByTimeAsync(2);
    expect(begun).toHaveLength(3);
    now = 1_100;
    await vi.advanceTimersByTimeAsync(600);
    expect(begun).toHaveLength(4);
  });

  it('holds nobody back once it is stopped', async () => {
    const { begun, ask, order } = watched(1_000);
    for (const offset of [1, 2, 3, 4, 5, 6]) void ask(0, offset, 1_000);
    order.stop();
    await settle();
    expect(begun).toHaveLength(6);
    expect(order.waiting).toBe(0);
  });

  it('gives the place of a read that failed to the next', async () => {
    const order = new ReadOrder({ clock, bytesPerSecond: 1e9 });
    const failing = Array.from({ length: 4 }, (_, offset) =>
      order.run(partition(0), offset, 1, () => Promise.reject(new Error('no'))),
    );
    const after = order.run(partition(0), 9, 1, async () => 'read');
    await Promise.allSettled(failing);
    expect(await after).toBe('read');
  });
});
