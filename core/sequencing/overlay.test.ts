import { expect, test } from 'vitest';
import type { Offset, RoomId, Seq } from '../ids.ts';
import { type InFlight, Overlay } from './overlay.ts';

const room = 'r' as RoomId;
const decision = (inbound: number, fields: Partial<InFlight> = {}): InFlight => ({
  inbound: inbound as Offset,
  logTime: 1_000,
  room,
  seq: inbound as Seq,
  digest: { hi: inbound, lo: 0 },
  publisher: null,
  pub: 0,
  key: null,
  ...fields,
});
const publish = (inbound: number, publisher: string, pub: number) => decision(inbound, { publisher, pub });

test('knows each publish of a publisher that is in flight, and which is the newest', () => {
  const overlay = new Overlay();
  overlay.push(publish(1, 'ann', 7));
  overlay.push(publish(2, 'bob', 1));
  overlay.push(publish(3, 'ann', 8));
  overlay.push(publish(4, 'ann', 9));
  expect([overlay.lastPub('ann'), overlay.lastPub('bob'), overlay.lastPub('cid')]).toEqual([9, 1, undefined]);
  expect([6, 7, 8, 9, 10].map((pub) => overlay.findPub('ann', pub)?.seq)).toEqual([undefined, 1, 3, 4, undefined]);
  expect(overlay.findPub('ann', 8)).toEqual({ seq: 3, offset: null, digest: { hi: 3, lo: 0 } });
});

test('what the fold has passed is not known any more, and what came after it still is', () => {
  const overlay = new Overlay();
  for (const [inbound, pub] of [
    [1, 1],
    [2, 2],
    [3, 3],
  ] as const) {
    overlay.push(publish(inbound, 'ann', pub));
  }
  overlay.prune(1 as Offset);
  expect(overlay.lastPub('ann')).toBe(3);
  expect([1, 2, 3].map((pub) => overlay.findPub('ann', pub)?.seq)).toEqual([undefined, 2, 3]);
  overlay.prune(3 as Offset);
  expect([overlay.lastPub('ann'), overlay.seqOf(room), overlay.size]).toEqual([undefined, undefined, 0]);
  overlay.push(publish(4, 'ann', 4));
  expect([3, 4].map((pub) => overlay.findPub('ann', pub)?.seq)).toEqual([undefined, 4]);
});

test('a room is at its newest decision until that was passed; answers leave it where it is', () => {
  const overlay = new Overlay();
  overlay.push(decision(1));
  overlay.push(decision(2));
  overlay.push(decision(3, { room: null, digest: null }));
  overlay.prune(1 as Offset);
  expect(overlay.seqOf(room)).toBe(2);
  expect(overlay.lastInbound).toBe(3);
  overlay.prune(2 as Offset);
  expect(overlay.seqOf(room)).toBeUndefined();
});

test('a key is known with its time until its newest use was passed', () => {
  const overlay = new Overlay();
  overlay.push(decision(1, { key: 'k' }));
  overlay.push(decision(2, { key: 'k', logTime: 2_000 }));
  overlay.prune(1 as Offset);
  expect(overlay.findKey('k')).toMatchObject({ seq: 2, offset: null, time: 2_000 });
  overlay.prune(2 as Offset);
  expect(overlay.findKey('k')).toBeUndefined();
});

test('nothing is known after a reset', () => {
  const overlay = new Overlay();
  overlay.push(publish(1, 'ann', 1));
  overlay.push(decision(2, { key: 'k' }));
  overlay.reset();
  expect([overlay.lastPub('ann'), overlay.findKey('k'), overlay.seqOf(room), overlay.size]).toEqual([
    undefined,
    undefined,
    undefined,
    0,
  ]);
  overlay.push(publish(3, 'ann', 5));
  expect(overlay.findPub('ann', 4)).toBeUndefined();
});
