import { expect, it } from 'vitest';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import { Anchors } from './anchors.ts';
import type { PartitionHistory } from './partition-history.ts';
import type { Ranges } from './ranges.ts';
import { Ring } from './ring.ts';
import { Walks } from './walks.ts';

it('what a walk found is kept only if the partition is still believed that it began in', async () => {
  const room = 'a' as RoomId;
  const offset = 100_000 as Offset;
  const event = { partition: 0, offset, room, seq: 1, time: 1, prev: -1, bytes: 10 };
  const gates: Array<() => void> = [];
  const ranges = {
    recordsIn: (_view: unknown, bytes: number) => Math.ceil(bytes / 1_000),
    read: async () => {
      await new Promise<void>((resolve) => gates.push(resolve));
      return { covers: () => true, at: async () => event };
    },
  } as unknown as Ranges;
  const anchors = new Anchors();
  anchors.note(Chain.atStart().anchor((offset - 10) as Offset));
  const view = {
    partition: 0,
    position: offset + 1,
    anchors,
    ring: new Ring(1, () => expect.unreachable()),
    head: () => event,
  };
  const walks = new Walks({ ranges, onWalked: () => {} });
  const find = async (meanwhile: () => void): Promise<unknown> => {
    const wanted = { throughSeq: 0, beforeTime: Number.NEGATIVE_INFINITY, scanFrom: 0 };
    const found = walks.find(view as unknown as PartitionHistory, room, wanted);
    meanwhile();
    gates.shift()?.();
    await found;
    return walks.after(room, 0, 1_000);
  };
  expect(await find(() => walks.forget(0 as Partition))).toBeNull();
  expect(await find(() => {})).toEqual([event]);
});
