import { describe, expect, it } from 'vitest';
import type { Offset, Pub, RoomId, Seq, UserId } from '../ids.ts';
import { Publisher } from './publisher.ts';
import { Publishers } from './publishers.ts';
import { mintSession } from './uuidv7.ts';

const HOUR_MS = 3_600_000;
const START_MS = 1_800_000_000_000;
const DIGEST = { hi: 0xffffffff, lo: 1 };
const room = 'room' as RoomId;
const user = 'user' as UserId;
const sessionAt = (timeMs: number) => mintSession(timeMs, (bytes) => new Uint8Array(bytes).fill(7));
const newPublishers = () => new Publishers({ sessionMaxAgeMs: 24 * HOUR_MS, keyWindowMs: HOUR_MS });

describe('Publisher', () => {
  it('remembers the last 32 publishes and no more', () => {
    const publisher = new Publisher();
    for (let pub = 1; pub <= 100; pub++) publisher.accept(pub, pub * 10, pub * 100, DIGEST);
    expect(publisher.find(100)).toEqual({ seq: 1000, offset: 10_000, digest: DIGEST });
    expect(publisher.find(69)).toEqual({ seq: 690, offset: 6900, digest: DIGEST });
    expect(publisher.find(68)).toBeNull();
    expect(publisher.find(101)).toBeNull();
    expect(publisher.find(0)).toBeNull();
  });

  it('believes a log that jumps ahead, and does not claim to know what it jumped over', () => {
    for (const jump of [3, 31, 32, 33, 64, 65, 1000]) {
      const publisher = new Publisher();
      publisher.accept(1, 1, 1, DIGEST);
      publisher.accept(jump, 2, 2, DIGEST);
      publisher.accept(jump + 1, 3, 3, DIGEST);
      expect(publisher.last).toBe(jump + 1);
      expect(publisher.find(jump)?.seq).toBe(2);
      expect(publisher.find(jump + 1)?.seq).toBe(3);
      expect(publisher.find(jump - 1)).toBeNull();
      expect(publisher.find(1)?.seq).toBe(jump + 1 <= 32 ? 1 : undefined);
    }
  });

  it('is not changed by a number that was there before', () => {
    const publisher = new Publisher();
    publisher.accept(1, 1, 1, DIGEST);
    publisher.accept(2, 2, 2, DIGEST);
    publisher.accept(1, 9, 9, DIGEST);
    expect(publisher.last).toBe(2);
    expect(publisher.find(1)?.seq).toBe(1);
  });
});

describe('Publishers', () => {
  it('forgets a session an hour after it became too old, and not before', () => {
    const publishers = newPublishers();
    const session = sessionAt(START_MS);
    publishers.acceptPub({ room, user, session, pub: 1 as Pub }, 1 as Seq, 1 as Offset, DIGEST);
    publishers.sweep(START_MS + 25 * HOUR_MS);
    expect(publishers.find(room, user, session)?.last).toBe(1);
    publishers.sweep(START_MS + 25 * HOUR_MS + 1_200_000);
    expect(publishers.find(room, user, session)).toBeUndefined();
    expect(publishers.size).toBe(0);
  });

  it('forgets keys from the old end, and a key used again counts as new', () => {
    const publishers = newPublishers();
    const used = (time: number) => ({ seq: 1 as Seq, offset: 1 as Offset, digest: DIGEST, time });
    publishers.acceptKey(room, user, 'first', used(START_MS));
    publishers.acceptKey(room, user, 'second', used(START_MS + 1));
    publishers.acceptKey(room, user, 'first', used(START_MS + 2 * HOUR_MS));
    publishers.sweep(START_MS + 2 * HOUR_MS);
    expect([...publishers.keys()]).toHaveLength(1);
    expect(publishers.findKey(room, user, 'first', START_MS + 3 * HOUR_MS)).toBeDefined();
    expect(publishers.findKey(room, user, 'first', START_MS + 3 * HOUR_MS + 1)).toBeUndefined();
  });

  it('keeps names apart whose parts run into each other', () => {
    const publishers = newPublishers();
    const session = sessionAt(START_MS);
    const [a, ab, b, bc] = ['a', 'ab', 'bc', 'c'].map((name) => name as RoomId & UserId) as [
      RoomId & UserId,
      RoomId & UserId,
      RoomId & UserId,
      RoomId & UserId,
    ];
    publishers.acceptPub({ room: b, user: a, session, pub: 1 as Pub }, 1 as Seq, 1 as Offset, DIGEST);
    expect(publishers.find(bc, ab, session)).toBeUndefined();
    publishers.acceptKey(b, a, 'k', { seq: 1 as Seq, offset: 1 as Offset, digest: DIGEST, time: START_MS });
    expect(publishers.findKey(bc, ab, 'k', START_MS)).toBeUndefined();
    expect(publishers.findKey(b, '' as UserId, 'ka', START_MS)).toBeUndefined();
  });
});
