/** A valid log of one partition, and each single thing that may be wrong with it, by the name that it must be given. */
import { describe, expect, test } from 'vitest';
import type { Epoch, Offset, Partition, RoomId } from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import type { InboundEvent, OutboundRecord } from '../../core/log/record.ts';
import { Decider } from '../../core/sequencing/decide.ts';
import { inboundEvent, session } from '../../test/support/memory-stream.ts';
import { checkPartition, type OutboundItem, type PartitionInput } from './check.ts';
import { Findings } from './finding.ts';
import type { InboundItem } from './inbound-walk.ts';
import { LetterCheck, type LetterSeen } from './letters.ts';

const NOW = 1_800_000_000_000;
const LIMITS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
const P0 = 0 as Partition;
const offset = (number: number): Offset => number as Offset;
const NONE = { claim: null, event: null, answer: null, skipped: null };
const BEFORE = { epoch: -1 as Epoch, inbound: offset(-1), prevInbound: offset(-1), inboundTime: 0 };

interface World {
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
function validWorld(): World {
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

async function* inChunks<Item>(items: readonly Item[]): AsyncGenerator<readonly Item[]> {
  for (let at = 0; at < items.length; at += 3) yield items.slice(at, at + 3);
}

async function check(world: World, options: Partial<PartitionInput> = {}) {
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
function change(world: World, at: number, fields: Partial<OutboundRecord>): void {
  const item = world.outbound[at] as OutboundItem;
  world.outbound[at] = { ...item, record: { ...item.record, ...fields } };
}

function changeBody(world: World, at: number, fields: object): void {
  const { event, answer } = (world.outbound[at] as OutboundItem).record;
  if (event !== null) change(world, at, { event: { ...event, ...fields } });
  if (answer !== null) change(world, at, { answer: { ...answer, ...fields } });
}

function changeInbound(world: World, at: number, fields: Partial<InboundItem>): void {
  world.inbound[at] = { ...(world.inbound[at] as InboundItem), ...fields };
}

test('a valid log has no finding, and everything in it is counted', async () => {
  const { report, findings, letters } = await check(validWorld());
  expect(findings.listed).toEqual([]);
  expect(report).toMatchObject({
    read: 13,
    compared: 9,
    events: 6,
    rooms: 2,
    claims: 2,
    stale: 1,
    repeats: 1,
    lag: 1,
    streamId: 'stream',
    checked: { from: 0, to: 9 },
    fenced: [{ epoch: 0, fencedBy: 5, records: 1, first: 6 }],
  });
  expect(Object.fromEntries(report.answers)).toEqual({ duplicate: 1, out_of_order: 1, poison: 1 });
  expect(Object.fromEntries(report.poison)).toEqual({ bad_json: 1 });
  expect(Object.fromEntries(letters.byReason)).toEqual({ bad_json: 1 });
});

describe('each single fault has its name', () => {
  const faults: ReadonlyArray<[what: string, kind: string, mutate: (world: World) => void]> = [
    ['a record of an epoch that no claim opened', 'epoch_ahead', (w) => change(w, 9, { epoch: 9 as Epoch })],
    ['an outbound record lost', 'chain_gap', (w) => w.outbound.splice(3, 1)],
    [
      'a claim of another stream',
      'stream_conflict',
      (w) => {
        const claim = w.outbound[5]?.record.claim;
        if (claim) change(w, 5, { claim: { ...claim, streamId: 'another' } });
      },
    ],
    [
      'an inbound record that was passed over',
      'inbound_unanswered',
      (w) => w.inbound.splice(8, 0, { ...(w.inbound[2] as InboundItem), offset: offset(8) }),
    ],
    ['an answer to nothing', 'answer_without_inbound', (w) => w.inbound.splice(2, 1)],
    [
      'inbound cut off before what was not answered',
      'input_lost',
      (w) => {
        w.inboundStart = 12;
        w.inboundEnd = 14;
        w.inbound = [];
      },
    ],
    ['another key', 'content_mismatch', (w) => changeBody(w, 11, { key: 'another' })],
    ['other data', 'content_mismatch', (w) => changeBody(w, 3, { data: Buffer.from('2') })],
    ['another event name', 'content_mismatch', (w) => changeBody(w, 3, { event: 'unsaid' })],
    ['another key in an answer', 'content_mismatch', (w) => changeBody(w, 9, { key: 'another' })],
    ['another time', 'time_mismatch', (w) => changeInbound(w, 2, { timestamp: NOW + 3 })],
    ['an event whose time is not log time', 'log_time_wrong', (w) => changeBody(w, 3, { time: NOW })],
    [
      'poison given a number',
      'poison_sequenced',
      (w) => changeInbound(w, 2, { content: { kind: 'poison', reason: 'bad_json' } }),
    ],
    [
      'a good record answered as poison',
      'answer_unfounded',
      (w) => changeInbound(w, 6, { content: { kind: 'good', event: inboundEvent() } }),
    ],
    ['a duplicate of what never was', 'answer_unfounded', (w) => changeBody(w, 7, { seq: 99 })],
    ['an original that comes later', 'answer_unfounded', (w) => changeBody(w, 7, { offset: 12 })],
    ['the wrong number waited for', 'answer_unfounded', (w) => changeBody(w, 9, { expected: 7 })],
    ['a hole in a room', 'seq_hole', (w) => changeBody(w, 12, { seq: 4 })],
    ['a seq twice', 'seq_repeat', (w) => changeBody(w, 12, { seq: 2 })],
    ['a dead letter lost', 'letter_missing', (w) => w.letters.splice(0)],
    [
      'a dead letter of what was sequenced',
      'letter_unfounded',
      (w) => w.letters.push({ ...(w.letters[0] as LetterSeen), inbound: offset(2), time: NOW + 2 }),
    ],
    [
      'a dead letter with another reason',
      'letter_mismatch',
      (w) => w.letters.splice(0, 1, { ...(w.letters[0] as LetterSeen), reason: 'empty' }),
    ],
  ];
  test.each(faults)('%s: %s', async (_, kind, mutate) => {
    const world = validWorld();
    mutate(world);
    expect((await check(world)).kinds).toEqual([kind]);
  });

  /** Both sides agree on what should never have been accepted: the sequencer's own fault. */
  const agreed: ReadonlyArray<[what: string, kind: string, at: number, fields: (world: World) => object]> = [
    ['a session’s publish missing', 'pub_hole', 12, () => ({ pub: 4 })],
    ['a session’s publish twice', 'pub_repeat', 12, () => ({ pub: 2 })],
    ['a key twice', 'key_repeat', 11, () => ({ key: 'order-1' })],
    ['a session that is none', 'session_invalid', 12, () => ({ session: 'me' })],
  ];
  test.each(agreed)('%s: %s', async (_, kind, at, fieldsOf) => {
    const world = validWorld();
    const fields = fieldsOf(world);
    changeBody(world, at, fields);
    const inboundAt = world.inbound.findIndex(({ offset: number }) => number === world.outbound[at]?.record.inbound);
    const { content } = world.inbound[inboundAt] as InboundItem;
    if (content.kind === 'good') {
      changeInbound(world, inboundAt, { content: { kind: 'good', event: { ...content.event, ...fields } } });
    }
    expect((await check(world)).kinds).toEqual([kind]);
  });
});

test('a duplicate of a publish that was not accepted is an acknowledged loss', async () => {
  const world = validWorld();
  changeBody(world, 7, { pub: 3, seq: null, offset: null });
  const { content } = world.inbound[4] as InboundItem;
  if (content.kind === 'good')
    changeInbound(world, 4, { content: { kind: 'good', event: { ...content.event, pub: 3 as never } } });
  expect((await check(world)).kinds).toEqual(['answer_unfounded']);
});

test('a finding says where to look, and only so many are listed', async () => {
  const world = validWorld();
  changeBody(world, 3, { user: 'mallory', seq: 5 });
  const { findings } = await check(world);
  expect(findings.listed).toContainEqual({
    kind: 'content_mismatch',
    partition: 0,
    inbound: 2,
    outbound: 3,
    message: 'other than asked: user',
  });
  const few = new Findings(1);
  await check(world, { findings: few });
  expect(few.listed).toHaveLength(1);
  expect(few.total).toBe(findings.total);
  expect(few.total).toBeGreaterThan(1);
});

test('what an operator skipped is no finding', async () => {
  const world = validWorld();
  const extra = { offset: offset(8), timestamp: NOW + 8, content: { kind: 'poison' as const, reason: 'empty' } };
  world.inbound.splice(8, 0, extra);
  const last = world.outbound.pop() as OutboundItem;
  const skipped = { from: offset(8), to: offset(8), reason: 'lost' };
  const header = { epoch: 5 as Epoch, inbound: offset(8), prevInbound: offset(7), inboundTime: 0 };
  world.outbound.push({ offset: last.offset, record: { ...header, ...NONE, skipped } });
  world.outbound.push({ offset: offset(13), record: { ...last.record, prevInbound: offset(8) } });
  const { report, findings } = await check(world);
  expect(findings.listed).toEqual([]);
  expect(report.skipped).toBe(1);
});

test('one that begins at a claim believes the first numbers, and finds holes from there on', async () => {
  const tail = (world: World) => ({ start: 'claim' as const, outbound: inChunks(world.outbound.slice(5)) });
  const world = validWorld();
  const { report, findings } = await check(world, tail(world));
  expect(findings.listed).toEqual([]);
  expect(report).toMatchObject({ compared: 5, checked: { from: 4, to: 9 } });
  const broken = validWorld();
  broken.outbound.splice(9, 1);
  expect((await check(broken, tail(broken))).kinds).toContain('chain_gap');
});

test('with one room its contents alone are checked, the chain for all', async () => {
  const world = validWorld();
  world.letters = [];
  changeBody(world, 3, { user: 'mallory' });
  const options = { room: 'a' as RoomId };
  const { report, findings } = await check(world, options);
  expect(findings.listed).toEqual([]);
  expect(report).toMatchObject({ rooms: 1, events: 3 });
  world.outbound.splice(3, 1);
  expect((await check(world, options)).kinds).toEqual(['chain_gap']);
});

test('records that retention took are not compared, and no finding', async () => {
  const world = validWorld();
  world.inbound.splice(0, 5);
  world.inboundStart = 5;
  const { report, findings } = await check(world);
  expect(findings.listed).toEqual([]);
  expect(report).toMatchObject({ notRetained: 5, compared: 4 });
});

test('ends at a log time, without a lag then', async () => {
  const { report, findings } = await check({ ...validWorld(), letters: [] }, { toMs: NOW + 3 });
  expect(findings.listed).toEqual([]);
  expect(report).toMatchObject({ compared: 4, lag: null });
});
