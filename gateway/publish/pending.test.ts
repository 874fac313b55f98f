import { Buffer } from 'node:buffer';
import { beforeEach, describe, expect, test } from 'vitest';
import { offset, pub, type RoomId, roomId, seq, sessionId, userId } from '../../core/ids.ts';
import type { Answer } from '../../core/log/record.ts';
import type { StoredEvent } from '../stream.ts';
import { Content } from './content.ts';
import { type PendingPublish, PendingPublishes, type PublishClient } from './pending.ts';

const TAG = Buffer.from('0011223344556677', 'hex');
const session = sessionId('0198c0de-0000-7000-8000-000000000001');
const DATA = Buffer.from('{"a":1}');
const content = new Content('e', DATA);
const identity = { room: roomId('r'), user: userId('alice'), session, pub: pub(1) };

let pending: PendingPublishes;
let told: unknown[];
const client: PublishClient = {
  onAcked: ({ id }, seqNumber, cursor, duplicate) => told.push([id, 'acked', seqNumber, cursor, duplicate]),
  onRefused: ({ id }, { code, details }) => told.push([id, code, details.expected]),
  onLost: ({ id }) => told.push([id, 'lost']),
};

beforeEach(() => {
  told = [];
  pending = new PendingPublishes(TAG);
});

const add = (id: number, more: Partial<PendingPublish> = {}): Buffer =>
  pending.originOf(pending.add({ client, id, content, startedAtMs: 0, ...identity, ...more }));
const event = (origin: Uint8Array | null, more: object = {}): StoredEvent =>
  ({ ...identity, origin, event: 'e', data: DATA, seq: seq(5), cursor: 'c', ...more }) as unknown as StoredEvent;
const answer = (
  origin: Uint8Array,
  more: Partial<Answer & { cursor: string | null }>,
): Answer & { cursor: string | null } => ({
  ...identity,
  key: null,
  origin,
  code: 'duplicate',
  seq: null,
  offset: null,
  expected: null,
  reason: null,
  cursor: null,
  ...more,
});

describe('pending publishes', () => {
  test('are acked once, by their own event', () => {
    const origin = add(1);
    add(2);
    pending.onEvent(event(origin));
    pending.onEvent(event(origin));
    expect(told).toEqual([[1, 'acked', 5, 'c', false]]);
    expect(pending.size).toBe(1);
  });

  test.each([
    ['data', { data: Buffer.from('{"a":2}') }],
    ['name', { event: 'f' }],
  ])('are not acked by an event that copies all but their %s, only by their own that follows', (_, other) => {
    const origin = add(1);
    pending.onEvent(event(origin, other));
    expect(told).toEqual([]);
    expect(pending.forged).toBe(1);
    pending.onEvent(event(origin, { seq: seq(6) }));
    expect(told).toEqual([[1, 'acked', 6, 'c', false]]);
  });

  test('have origins of 16 bytes that are never the same', () => {
    const origins = new Set(Array.from({ length: 1_000 }, (_, id) => add(id).toString('hex')));
    expect(origins.size).toBe(1_000);
    for (const origin of origins) expect(origin).toMatch(/^0011223344556677[0-9a-f]{16}$/);
    expect(pending.originOf(2 ** 40 + 5).toString('hex')).toBe('00112233445566770000010000000005');
  });

  test.each([
    ['room', { room: 'other' as RoomId }],
    ['user', { user: 'mallory' }],
    ['session', { session: null }],
    ['pub', { pub: 2 }],
  ])('are not acked by an event with another %s', (_, other) => {
    const origin = add(1);
    pending.onEvent(event(origin, other));
    expect(told).toEqual([]);
    expect(pending.size).toBe(1);
  });

  test('are not acked by origins of other gateways, or of other sizes', () => {
    const origin = add(1);
    const foreign = Buffer.from(origin);
    foreign[0] = 0xff;
    for (const other of [null, foreign, origin.subarray(0, 15), Buffer.concat([origin, origin]), Buffer.alloc(0)]) {
      pending.onEvent(event(other));
    }
    expect(told).toEqual([]);
  });

  test('take a duplicate for success, with or without what is known of the original', () => {
    pending.onAnswer(answer(add(1), { seq: seq(3), offset: offset(9), cursor: 'o' }));
    pending.onAnswer(answer(add(2), {}));
    expect(told).toEqual([
      [1, 'acked', 3, 'o', true],
      [2, 'acked', null, null, true],
    ]);
  });

  test('turn the sequencer’s refusals into errors', () => {
    pending.onAnswer(answer(add(1), { code: 'out_of_order', expected: pub(4) }));
    pending.onAnswer(answer(add(2), { code: 'session_unknown' }));
    pending.onAnswer(answer(add(3), { code: 'session_in_use' }));
    pending.onAnswer(answer(add(4), { code: 'poison', reason: 'too_large' }));
    pending.onAnswer(answer(add(5), { code: 'poison', reason: 'too_many_rooms' }));
    pending.onAnswer(answer(add(6), { code: 'poison', reason: 'bad_json' }));
    expect(told).toEqual([
      [1, 'out_of_order', 4],
      [2, 'session_unknown', undefined],
      [3, 'session_in_use', undefined],
      [4, 'too_large', undefined],
      [5, 'unavailable', undefined],
      [6, 'bad_frame', undefined],
    ]);
  });

  test('are lost oldest first, and then never acked', () => {
    const first = add(1, { startedAtMs: 10 });
    add(2, { startedAtMs: 20 });
    add(3, { startedAtMs: 30 });
    pending.loseOlderThan(20);
    pending.onEvent(event(first));
    expect(told).toEqual([
      [1, 'lost'],
      [2, 'lost'],
    ]);
    expect(pending.size).toBe(1);
  });
});
