import { expect, it } from 'vitest';
import type { Epoch, Offset } from '../../core/ids.ts';
import { type Anchor, Chain } from '../../core/log/chain.ts';
import { Anchors } from './anchors.ts';

const anchor = (offset: number, logTime = offset): Anchor => ({
  offset: offset as Offset,
  epoch: 0 as Epoch,
  lastInbound: 0 as Offset,
  logTime,
});
const filled = (offsets: readonly number[], max = 100): Anchors => {
  const anchors = new Anchors({ max });
  for (const offset of offsets) anchors.note(anchor(offset));
  return anchors;
};

it('finds the nearest anchor below, above, and before a time', () => {
  const anchors = filled([0, 10, 20, 30]);
  expect(anchors.atOrBelow(19)?.offset).toBe(10);
  expect(anchors.atOrBelow(20)?.offset).toBe(20);
  expect(anchors.atOrBelow(-1)).toBeUndefined();
  expect(anchors.above(20)?.offset).toBe(30);
  expect(anchors.above(30)).toBeUndefined();
  expect(anchors.before(20)?.offset).toBe(10);
  expect(anchors.before(0)).toBeUndefined();
});

it('notes one after so many records or bytes, whichever comes first', () => {
  const anchors = new Anchors({ everyRecords: 3, everyBytes: 100 });
  const chain = Chain.atStart();
  for (let next = 1; next <= 6; next += 1) anchors.passed(chain, next as Offset, 1);
  expect(anchors.size).toBe(2);
  anchors.passed(chain, 7 as Offset, 100);
  expect(anchors.size).toBe(3);
  expect(anchors.atOrBelow(100)?.offset).toBe(7);
});

it('notes none while a reader that began at a claim does not know its place in the chain', () => {
  const anchors = new Anchors({ everyRecords: 1 });
  anchors.passed(Chain.atClaim(), 5 as Offset, 1);
  expect(anchors.size).toBe(0);
});

it('thins itself out, keeps the oldest, and comes half as often then', () => {
  const anchors = new Anchors({ max: 8, everyRecords: 1 });
  const chain = Chain.atStart();
  for (let next = 1; next <= 1_000; next += 1) anchors.passed(chain, next as Offset, 1);
  expect(anchors.size).toBeLessThanOrEqual(8);
  expect(anchors.oldest?.offset).toBe(1);
  expect(anchors.atOrBelow(1_000)?.offset).toBeGreaterThan(700);
});

it('forgets what retention has taken', () => {
  const anchors = filled([0, 10, 20]);
  anchors.dropBelow(11);
  expect(anchors.oldest?.offset).toBe(20);
  anchors.dropBelow(21);
  expect(anchors.oldest).toBeUndefined();
});
