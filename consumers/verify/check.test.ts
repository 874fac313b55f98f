/** A valid log of one partition, and each single thing that may be wrong with it, by the name that it must be given. */
import { describe, expect, test } from 'vitest';
import type { Epoch, RoomId } from '../../core/ids.ts';
import {
  change,
  changeBody,
  changeInbound,
  check,
  inChunks,
  NONE,
  NOW,
  offset,
  validWorld,
  type World,
} from '../../test/support/checked-log.ts';
import { inboundEvent } from '../../test/support/memory-stream.ts';
import type { OutboundItem } from './check.ts';
import { Findings } from './finding.ts';
import type { InboundItem } from './inbound-walk.ts';
import type { LetterSeen } from './letters.ts';

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
