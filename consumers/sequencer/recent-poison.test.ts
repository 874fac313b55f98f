import { expect, test } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import { RecentPoison, windowBytes } from './recent-poison.ts';

function accepted(inbound: number, isPoison: boolean): OutboundRecord {
  return {
    inbound: inbound as Offset,
    inboundTime: 5,
    answer: isPoison ? { code: 'poison', reason: 'empty' } : null,
  } as OutboundRecord;
}

test('remembers poison answers as far back as two batches can reach', () => {
  const recent = new RecentPoison(1_000);
  recent.note(accepted(1, true), 100);
  for (let inbound = 2; inbound <= 9; inbound++) recent.note(accepted(inbound, inbound === 5), 100);
  expect(recent.notes().map(({ inbound }) => inbound)).toEqual([1, 5]);
  for (let inbound = 10; inbound <= 13; inbound++) recent.note(accepted(inbound, false), 100);
  expect(recent.notes().map(({ inbound }) => inbound)).toEqual([5]);
});

test('remembers the last two whatever their size', () => {
  const recent = new RecentPoison(10);
  recent.note(accepted(1, true), 5_000);
  recent.note(accepted(2, true), 5_000);
  recent.note(accepted(3, true), 5_000);
  expect(recent.notes().map(({ inbound, reason }) => [inbound, reason])).toEqual([
    [2, 'empty'],
    [3, 'empty'],
  ]);
});

test('remembers a batch of small records when a large record makes up the next, as large as outbound takes', () => {
  const recent = new RecentPoison(windowBytes(262_144));
  for (let inbound = 1; inbound <= 100; inbound++) recent.note(accepted(inbound, true), 100);
  recent.note(accepted(101, false), 2_097_152);
  expect(recent.notes()).toHaveLength(100);
});
