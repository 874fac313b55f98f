import { describe, expect, it } from 'vitest';
import type { Epoch, Offset, Pub, RoomId, Seq, SessionId, UserId } from '../ids.ts';
import { Fold } from './fold.ts';
import type { OutboundRecord, SequencedEvent } from './record.ts';

const PUBLISHERS = { sessionMaxAgeMs: 86_400_000, keyWindowMs: 86_400_000 };
const NO_BODY = { claim: null, event: null, answer: null, skipped: null };
const at = (offset: number) => offset as Offset;
const CLAIM: OutboundRecord = {
  epoch: -1 as Epoch,
  inbound: at(-1),
  prevInbound: at(-1),
  inboundTime: 0,
  ...NO_BODY,
  claim: { nonce: new Uint8Array(16), streamId: 's', foldVersion: 1, partitions: 1 },
};
const eventRecord = (inbound: number, event: Partial<SequencedEvent>): OutboundRecord => ({
  epoch: 0 as Epoch,
  inbound: at(inbound),
  prevInbound: at(inbound - 1),
  inboundTime: 1000,
  ...NO_BODY,
  event: {
    room: 'room' as RoomId,
    seq: 1 as Seq,
    time: 1000,
    prev: at(-1),
    user: 'user' as UserId,
    session: null,
    pub: null,
    key: null,
    origin: null,
    event: 'said',
    contentType: null,
    data: new Uint8Array(),
    expiresAt: null,
    traceparent: null,
    ...event,
  },
});

describe('Fold', () => {
  it('keeps heads only, unless told to remember publishers', () => {
    const fold = new Fold();
    fold.apply(at(0), CLAIM);
    fold.apply(at(1), eventRecord(0, { session: 'x' as SessionId, pub: 1 as Pub }));
    expect(fold.publishers).toBeNull();
    expect(fold.heads.get('room' as RoomId)).toEqual({ seq: 1, offset: 1 });
  });

  it('refuses to remember publishers from a place that can not know them all', () => {
    expect(() => new Fold({ publishers: PUBLISHERS, start: 'claim' })).toThrow(
      expect.objectContaining({ code: 'fold_halted' }),
    );
  });

  it('takes in nothing of a record whose seq conflicts', () => {
    const fold = new Fold({ publishers: PUBLISHERS });
    fold.apply(at(0), CLAIM);
    expect(fold.apply(at(1), eventRecord(0, { seq: 2 as Seq, key: 'k' }))).toMatchObject({ fault: 'seq_conflict' });
    expect(fold.chain.lastInbound).toBe(-1);
    expect(fold.heads.size).toBe(0);
    expect(fold.publishers?.size).toBe(0);
  });

  it('folds a publish of a session that is no UUIDv7 as any event, and remembers nothing of it', () => {
    const fold = new Fold({ publishers: PUBLISHERS });
    fold.apply(at(0), CLAIM);
    expect(fold.apply(at(1), eventRecord(0, { session: 'x' as SessionId, pub: 1 as Pub })).kind).toBe('accepted');
    expect(fold.publishers?.size).toBe(0);
  });

  it('halts at the limit of rooms', () => {
    const fold = new Fold({ maxRooms: 1 });
    fold.apply(at(0), CLAIM);
    fold.apply(at(1), eventRecord(0, {}));
    expect(() => fold.apply(at(2), eventRecord(1, { room: 'other' as RoomId }))).toThrow(
      expect.objectContaining({ code: 'fold_halted' }),
    );
  });

  it('does not take heads alone where publishers are remembered', () => {
    const fold = new Fold({ publishers: PUBLISHERS });
    expect(() => fold.applyHead(at(0), CLAIM)).toThrow(expect.objectContaining({ code: 'fold_halted' }));
  });
});
