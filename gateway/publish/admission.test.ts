import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { Admission, type AdmissionLimits } from './admission.ts';
import type { HeldReader } from './held-readers.ts';

const [P0, P1] = [0 as Partition, 1 as Partition];
let now: number;
let queued: number[];
let admission: Admission;
let counter: number;
let readOn: string[];

function create(limits: Partial<AdmissionLimits> = {}, partitions = 2): void {
  admission = new Admission({
    partitions,
    clock: { monotonic: () => now },
    limits: { maxPendingPublishes: 50_000, maxQueuedBytes: 1_000, publishTimeoutMs: 15_000, ...limits },
    queuedBytes: (partition) => (partition === undefined ? queued.reduce((a, b) => a + b) : (queued[partition] ?? 0)),
  });
}
beforeEach(() => {
  now = 100_000;
  queued = [0, 0];
  counter = 0;
  readOn = [];
  create();
});

const reader = (name: string): HeldReader => ({ stopReading: () => {}, readOn: () => readOn.push(name) });
const enter = (count: number, partition = P0): void => {
  for (let index = 0; index < count; index += 1) admission.entered(partition, ++counter);
};
const refusal = (partition = P0): { code?: string; details?: { retryAfter?: number } } | null => {
  try {
    admission.check(partition);
    return null;
  } catch (thrown) {
    return thrown as { code: string };
  }
};
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the bytes that Kafka has not taken', () => {
  test('first leave sockets unread, then refuse with retryAfter, and only in the partition that is full', () => {
    queued = [249, 0];
    admission.holdIfFull(P0, reader('a'));
    expect([admission.held, refusal()]).toEqual([0, null]);
    queued = [250, 0];
    admission.holdIfFull(P0, reader('a'));
    expect([admission.held, refusal()]).toEqual([1, null]);
    queued = [500, 0];
    expect(refusal()).toMatchObject({ code: 'unavailable', details: { retryAfter: expect.any(Number) } });
    expect(refusal(P1)).toBeNull();
    admission.holdIfFull(P1, reader('b'));
    expect(admission.held).toBe(1);
    queued = [499, 501];
    expect(refusal()).toMatchObject({ code: 'unavailable' });
  });
});

describe('publishes that are not sequenced', () => {
  test('are bounded by the window of their partition: then sockets are left unread, at twice that it refuses', () => {
    enter(255);
    admission.holdIfFull(P0, reader('a'));
    expect(admission.held).toBe(0);
    enter(1);
    admission.holdIfFull(P0, reader('a'));
    admission.holdIfFull(P1, reader('b'));
    expect([admission.held, refusal()]).toEqual([1, null]);
    enter(256);
    expect(refusal()).toMatchObject({ code: 'unavailable' });
    expect(refusal(P1)).toBeNull();
  });

  test('of a partition that is stuck and full leave the sockets of the others read', async () => {
    create({ maxPendingPublishes: 100 });
    enter(50);
    expect(refusal()).toMatchObject({ code: 'unavailable' });
    enter(25, P1);
    admission.holdIfFull(P1, reader('a'));
    expect([admission.held, refusal(P1)]).toEqual([1, null]);
    for (let count = 51; count <= 63; count += 1) admission.cameOut(P1, count);
    await turn();
    expect(readOn).toEqual(['a']);
    admission.holdIfFull(P1, reader('b'));
    expect(admission.held).toBe(0);
  });

  test('are bounded over all partitions', () => {
    create({ maxPendingPublishes: 10 }, 4);
    for (const partition of [P0, P1, 2 as Partition]) enter(3, partition);
    expect(refusal(P0)).toBeNull();
    enter(3, 3 as Partition);
    expect(refusal(P0)).toMatchObject({ code: 'unavailable' });
  });

  test('count until the log tells of them, whoever has given them up', () => {
    enter(600);
    now += 4_000;
    expect(refusal()).toMatchObject({ code: 'unavailable' });
    admission.cameOut(P0, 600);
    expect([admission.underWay, refusal()]).toEqual([0, null]);
  });

  test('for a third of their time-out let one probe a second through, until one comes back', () => {
    enter(3);
    now += 5_000;
    expect([admission.stalled, refusal()]).toEqual([0, null]);
    now += 1;
    expect(admission.stalled).toBe(1);
    expect([refusal(), refusal()]).toMatchObject([null, { code: 'unavailable' }]);
    enter(1);
    now += 999;
    expect(refusal()).toMatchObject({ code: 'unavailable' });
    now += 1;
    expect(refusal()).toBeNull();
    expect(refusal(P1)).toBeNull();
    admission.cameOut(P0, 4);
    expect([refusal(), refusal(), admission.stalled]).toEqual([null, null, 0]);
  });

  test('are forgotten where they surely are not in the log', () => {
    enter(2);
    admission.withdrawn(P0, 1);
    admission.withdrawn(P0, 1);
    expect(admission.underWay).toBe(1);
  });
});

describe('sockets that are not read', () => {
  const names = Array.from({ length: 20 }, (_, index) => `${index}`);

  test('are read on in their order, some at a time, once half of the room is free', async () => {
    enter(256);
    for (const name of names) admission.holdIfFull(P0, reader(name));
    expect(admission.held).toBe(20);
    now += 10;
    admission.withdrawn(P0, 256);
    await turn();
    expect(readOn).toEqual([]);
    for (let number = 255; number > 127; number -= 1) admission.withdrawn(P0, number);
    await turn();
    expect(readOn).toEqual(names.slice(0, 16));
    await turn();
    expect(readOn).toEqual(names);
    expect(admission.held).toBe(0);
  });

  test('are read on after a third of the time-out in any case: a close may lie behind the publishes', async () => {
    enter(256);
    admission.holdIfFull(P0, reader('a'));
    now += 4_999;
    admission.sweep();
    expect(readOn).toEqual([]);
    now += 1;
    admission.sweep();
    expect(readOn).toEqual(['a']);
  });

  test('are forgotten when they are gone', async () => {
    enter(256);
    const gone = reader('gone');
    admission.holdIfFull(P0, gone);
    admission.forget(gone);
    admission.cameOut(P0, 256);
    await turn();
    expect([admission.held, readOn]).toEqual([0, []]);
  });
});

test('a hold is told to the socket once', () => {
  const stop = vi.fn();
  enter(256);
  const one = { stopReading: stop, readOn: () => {} };
  admission.holdIfFull(P0, one);
  admission.holdIfFull(P0, one);
  expect(stop).toHaveBeenCalledTimes(1);
});
