import { expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { assignAll, decodeAssignment, decodeSubscription, encodeSubscription } from './group-protocol.ts';

const owned = (partitions: number[], generation: number) => ({ partitions: partitions as Partition[], generation });

test('a member says what it had, and the leader lets it keep its share', () => {
  const subscription = encodeSubscription('t', owned([2, 3], 5));
  expect(decodeSubscription('a', subscription)).toEqual({ memberId: 'a', owned: [2, 3], generation: 5 });
  const all = assignAll(
    't',
    [
      { memberId: 'a', metadata: subscription },
      { memberId: 'b', metadata: encodeSubscription('t', owned([], -1)) },
    ],
    4,
  );
  const share = (memberId: string) =>
    decodeAssignment('t', all.find((m) => m.memberId === memberId)?.assignment ?? Buffer.alloc(0));
  expect(share('a')).toEqual([2, 3]);
  expect(share('b')).toEqual([0, 1]);
  expect(decodeAssignment('other', all[0]?.assignment ?? Buffer.alloc(0))).toEqual([]);
});

test('a foreign member’s metadata gives it no claim', () => {
  expect(decodeSubscription('x', Buffer.from([1]))).toEqual({ memberId: 'x', owned: [], generation: -1 });
  expect(decodeAssignment('t', Buffer.alloc(0))).toEqual([]);
});
