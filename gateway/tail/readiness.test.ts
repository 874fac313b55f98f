import { expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { FollowedPartition } from './followed-partition.ts';
import { Readiness } from './readiness.ts';

const p0 = 0 as Partition;
const followed = (state: Partial<FollowedPartition>) =>
  new Readiness([{ partition: p0, halted: null, reloading: false, lag: 0, ...state } as FollowedPartition], silentLog);

test('hears of a partition whose end it has read', () => {
  expect(followed({}).hears(p0)).toBe(true);
  expect(followed({}).hears(1 as Partition)).toBe(false);
});

test.each([
  ['it is read again', { reloading: true }],
  ['a record waits for the registry, or to be read at all', { lag: 1 }],
  ['it has halted', { halted: new RoomlogError('fold_halted') }],
])('hears nothing of a partition while %s, so that its silence there is nobody’s fault', (_, state) => {
  expect(followed(state).hears(p0)).toBe(false);
});

test('hears nothing of a partition of which no broker answers', () => {
  const readiness = followed({});
  readiness.onStall(new RoomlogError('kafka_unreachable', undefined, { details: { partitions: [0] } }));
  expect(readiness.hears(p0)).toBe(false);
  readiness.onStall(null);
  expect(readiness.hears(p0)).toBe(true);
});
