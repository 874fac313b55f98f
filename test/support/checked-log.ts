/** A valid log of one partition, its check, and ways to change it. */
import { expect } from 'vitest';
import { checkPartition, type OutboundItem, type PartitionInput } from '../../consumers/verify/check.ts';
import { Findings } from '../../consumers/verify/finding.ts';
import type { InboundItem } from '../../consumers/verify/inbound-walk.ts';
import { LetterCheck, type LetterSeen } from '../../consumers/verify/letters.ts';
import type { Epoch, Offset, Partition } from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import type { InboundEvent, OutboundRecord } from '../../core/log/record.ts';
import { Decider } from '../../core/sequencing/decide.ts';
import { inboundEvent, session } from './memory-stream.ts';

export const NOW = 1_800_000_000_000;
const LIMITS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
const P0 = 0 as Partition;
export const offset = (number: number): Offset => number as Offset;
export const NONE = { claim: null, event: null, answer: null, skipped: null };
const BEFORE = { epoch: -1 as Epoch, inbound: offset(-1), prevInbound: offset(-1), inboundTime: 0 };

export interface World {
  inbound: InboundItem[];
  outbound: OutboundItem[];
  letters: LetterSeen[];
  inboundStart: number;
  inboundEnd: number;
}

/**
 * Inbound 0 … 9 (8 is a hole, 10 waits), outbound:
 * 0 claim; 1 to 4 events; 5 claim; 6 a zombie's of epoch 0; 7 duplicate; 8 the same again; 9 out of order; 10 poison; 11 a keyed event; 12 pub 3
 */
export function validWorld(): World {
  const fold = new Fold({ publishers: LIMITS });
  const decider = new Decider(fold, LIMITS);
  const id = session(NOW);
  const numbered = (pub: number) => inboundEvent({ room: 'a', session: id, pub, data: Buffer.from(`${pub}`) });
  const asked: Array<InboundEvent | null> = [
    numbered(1),
    numbered(2),
    inboundEvent({ room: 'b' }),
    inboundEvent({ room: 'b', key: 'order-1' }),
    numbered(2),
    numbered(9),
    null,
    inboundEvent({ room: 'b', key: 'order-2' }),
  ];
  const inbound: InboundItem[] = asked.map((event, at) => ({
    offset: offset(at),
    timestamp: NOW + at,
    content: event === null ? { kind: 'poison', reason: 'bad_json' } : { kind: 'good', event },
  }));
  // A control record lies between.
  inbound.push({ offset: offset(9), timestamp: NOW + 9, content: { kind: 'good', event: numbered(3) } });
  inbound.push({ offset: offset(10), timestamp: NOW + 10, content: { kind: 'good', event: numbered(4) } });
  const outbound: OutboundItem[] = [];
  const append = (record: OutboundRecord) => {
    const item = { offset: offset(outbound.length), record };
    outbound.push(item);
    return fold.apply(item.offset, record).kind;
  };
  const claim = (fill: number) => {
    const body = { nonce: Buffer.alloc(16, fill), streamId: 'stream', foldVersion: 1, partitions: 1 };
    expect(append({ ...BEFORE, ...NONE, claim: body })).toBe('claim');
  };
  const answer = (at: number): OutboundRecord => {
    const { offset: number, timestamp, content } = inbound[at] as InboundItem;
    const header = {
      epoch: fold.chain.epoch,
      inbound: number,
      prevInbound: decider.lastInbound,
      inboundTime: timestamp,
    };
    const decision =
      content.kind === 'good'
        ? decider.decide(number, timestamp, content.event)
        : decider.poison(number, timestamp, { reason: content.reason });
    const record: OutboundRecord = { ...header, ...NONE, ...decision };
    expect(append(record)).toBe('accepted');
    return record;
  };
  claim(1);
  for (const at of [0, 1, 2, 3]) answer(at);
  claim(2);
  expect(append({ ...(outbound[4]?.record as OutboundRecord), inbound: offset(4), prevInbound: offset(3) })).toBe(
    'stale',
  );
  const duplicate = answer(4);
  expect(append(duplicate)).toBe('repeat');
  for (const at of [5, 6, 7, 8]) answer(at);
  const letters = [{ partition: P0, inbound: offset(6), time: NOW + 6, reason: 'bad_json', writtenAt: NOW + 20 }];
  return { inbound, outbound, letters, inboundStart: 0, inboundEnd: 11 };
}

export async function* inChunks<Item>(items: readonly Item[]): AsyncGenerator<readonly Item[]> {
  for (let at = 0; at < items.length; at += 3) yield items.slice(at, at + 3);
}

export async function check(world: World, options: Partial<PartitionInput> = {}) {
  const findings = new Findings(100);
  const letters = new LetterCheck(P0);
  const report = await checkPartition({
    partition: P0,
    start: 'start',
    outbound: inChunks(world.outbound),
    inboundRange: { start: offset(world.inboundStart), end: offset(world.inboundEnd) },
    inbound: (from) => inChunks(world.inbound.filter((item) => item.offset >= from)),
    limits: LIMITS,
    room: null,
    toMs: Number.POSITIVE_INFINITY,
    findings,
    letters,
    ...options,
  });
  for (const letter of world.letters) letters.letter(letter, report.checked, findings);
  letters.finish(Number.NEGATIVE_INFINITY, findings);
  return { report, letters, findings, kinds: [...new Set(findings.listed.map(({ kind }) => kind))] };
}

/** Changes one outbound record. */
export function change(world: World, at: number, fields: Partial<OutboundRecord>): void {
  const item = world.outbound[at] as OutboundItem;
  world.outbound[at] = { ...item, record: { ...item.record, ...fields } };
}

export function changeBody(world: World, at: number, fields: object): void {
  const { event, answer } = (world.outbound[at] as OutboundItem).record;
  if (event !== null) change(world, at, { event: { ...event, ...fields } });
  if (answer !== null) change(world, at, { answer: { ...answer, ...fields } });
}

export function changeInbound(world: World, at: number, fields: Partial<InboundItem>): void {
  world.inbound[at] = { ...(world.inbound[at] as InboundItem), ...fields };
}
