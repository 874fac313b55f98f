import { expect, test } from 'vitest';
import { CANARY_USER, canaryEvent, canaryOf, canaryRooms } from './canary.ts';
import type { Epoch, Offset, UserId } from './ids.ts';
import { Fold } from './log/fold.ts';
import { partitionOf } from './log/partition.ts';
import { type Answer, FOLD_VERSION } from './log/record.ts';
import { checkRoom, checkUser } from './names.ts';
import { Decider } from './sequencing/decide.ts';

const LIMITS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
const NOW = 1_800_000_000_000;

test.each([1, 2, 12, 97, 4_096])('there is a reserved room in each of %i partitions', (partitions) => {
  const rooms = canaryRooms(partitions);
  expect(rooms).toHaveLength(partitions);
  for (const [partition, room] of rooms.entries()) {
    expect(partitionOf(room, partitions)).toBe(partition);
    expect(checkRoom(room)).toBe(room);
    expect(room.startsWith('@')).toBe(true);
  }
  expect(checkUser(CANARY_USER)).toBe(CANARY_USER);
});

test('it is decided to one answer that tells when it was sent, and leaves nothing behind', () => {
  const fold = new Fold({ publishers: LIMITS });
  const claim = { nonce: new Uint8Array(16), streamId: 's', foldVersion: FOLD_VERSION, partitions: 1 };
  const header = { epoch: -1 as Epoch, inbound: -1 as Offset, prevInbound: -1 as Offset, inboundTime: 0 };
  const none = { claim: null, event: null, answer: null, skipped: null };
  fold.apply(0 as Offset, { ...header, ...none, claim });
  const decider = new Decider(fold, LIMITS);
  const [room] = canaryRooms(1);
  const sent = { sentAtMs: NOW, intervalMs: 10_000 };
  for (let n = 0; n < 3; n++) {
    const inbound = n as Offset;
    const prevInbound = decider.lastInbound;
    const decision = decider.decide(inbound, NOW + n, canaryEvent(room as never, sent));
    const { answer } = decision as { answer: Answer };
    expect(answer.code).toBe('session_unknown');
    expect(canaryOf(answer)).toEqual(sent);
    const record = { epoch: 0 as Epoch, inbound, prevInbound, inboundTime: NOW + n, ...none, ...decision };
    expect(fold.apply((n + 1) as Offset, record).kind).toBe('accepted');
  }
  expect(fold.heads.size).toBe(0);
  expect(fold.publishers?.size).toBe(0);
});

test('what another user, another session or a gateway asked is none', () => {
  const event = canaryEvent('@canary/0' as never, { sentAtMs: NOW, intervalMs: 10_000 });
  const answer: Answer = { ...event, code: 'session_unknown', seq: null, offset: null, expected: null, reason: null };
  expect(canaryOf(answer)).not.toBeNull();
  expect(canaryOf({ ...answer, user: 'alice' as UserId })).toBeNull();
  expect(canaryOf({ ...answer, session: null })).toBeNull();
  expect(canaryOf({ ...answer, origin: null })).toBeNull();
  expect(canaryOf({ ...answer, origin: new Uint8Array(18) })).toBeNull();
  expect(canaryOf({ ...answer, origin: new Uint8Array(16) })).toBeNull();
});
