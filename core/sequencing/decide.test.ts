import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Epoch, Offset, Pub, RoomId, UserId } from '../ids.ts';
import { Fold } from '../log/fold.ts';
import type { InboundEvent, OutboundRecord } from '../log/record.ts';
import { Decider, type Decision } from './decide.ts';
import { mintSession } from './uuidv7.ts';

const START_MS = 1_800_000_000_000;
const LIMITS = { sessionMaxAgeMs: 600_000, keyWindowMs: 60_000 };
const NO_BODY = { claim: null, event: null, answer: null, skipped: null };
const at = (offset: number) => offset as Offset;
const session = mintSession(START_MS, (bytes) => new Uint8Array(bytes));

const publish = (fields: Partial<InboundEvent> = {}): InboundEvent => ({
  room: 'room' as RoomId,
  user: 'user' as UserId,
  session: null,
  pub: null,
  key: null,
  origin: null,
  event: 'said',
  contentType: null,
  data: Buffer.from('{}'),
  expiresAt: null,
  traceparent: null,
  ...fields,
});

/** A decider, its fold, and the log between them. */
class Bench {
  readonly fold: Fold;
  readonly decider: Decider;
  readonly waiting: OutboundRecord[] = [];
  #offset = 1;

  constructor(options: { maxRooms?: number; maxInFlight?: number } = {}) {
    const { maxInFlight, ...foldOptions } = options;
    this.fold = new Fold({ publishers: LIMITS, ...foldOptions });
    this.decider = new Decider(this.fold, maxInFlight === undefined ? LIMITS : { ...LIMITS, maxInFlight });
    const header = { epoch: -1 as Epoch, inbound: at(-1), prevInbound: at(-1), inboundTime: 0 };
    const claim = { nonce: new Uint8Array(16), streamId: 's', foldVersion: 1, partitions: 1 };
    this.fold.apply(at(0), { ...header, ...NO_BODY, claim });
  }

  decide(inbound: number, event: InboundEvent, time = START_MS): Decision {
    const prevInbound = this.decider.lastInbound;
    const decision = this.decider.decide(at(inbound), time, event);
    const header = { epoch: 0 as Epoch, inbound: at(inbound), prevInbound, inboundTime: time };
    this.waiting.push({ ...header, ...NO_BODY, ...decision });
    return decision;
  }

  readBack(count: number): void {
    for (const record of this.waiting.splice(0, count)) {
      expect(this.fold.apply(at(this.#offset++), record).kind).toBe('accepted');
    }
  }
}

describe('Decider', () => {
  it('needs a fold that knows publishers', () => {
    expect(() => new Decider(new Fold(), LIMITS)).toThrow(expect.objectContaining({ code: 'fold_halted' }));
  });

  it('carries everything of the inbound event over, untouched', () => {
    const bench = new Bench();
    const event = publish({
      session,
      pub: 1 as Pub,
      origin: new Uint8Array([1, 2]),
      contentType: 'text/plain',
      expiresAt: 5,
      traceparent: 't',
    });
    expect(bench.decide(0, event)).toEqual({ event: { ...event, seq: 1, time: START_MS, prev: -1 } });
    const poisoned = bench.decider.poison(at(1), 0, { ...event, reason: 'bad_json' });
    const { room, user, pub, key, origin } = event;
    expect(poisoned.answer).toMatchObject({
      room,
      user,
      session,
      pub,
      key,
      origin,
      code: 'poison',
      reason: 'bad_json',
    });
  });

  it('refuses to decide a record twice, or one before the last', () => {
    const bench = new Bench();
    bench.decide(5, publish());
    const wrong = expect.objectContaining({ code: 'fold_halted' });
    expect(() => bench.decider.decide(at(5), START_MS, publish())).toThrow(wrong);
    bench.readBack(1);
    expect(() => bench.decider.decide(at(4), START_MS, publish())).toThrow(wrong);
    expect(bench.decider.lastInbound).toBe(5);
  });

  it('holds no more decisions in flight than its limit, and none once they were read back', () => {
    const bench = new Bench({ maxInFlight: 2 });
    bench.decide(0, publish());
    bench.decide(1, publish());
    expect(() => bench.decider.decide(at(2), START_MS, publish())).toThrow(
      expect.objectContaining({ code: 'fold_halted' }),
    );
    bench.readBack(2);
    bench.decider.prune();
    expect(bench.decider.inFlight).toBe(0);
    expect(bench.decide(2, publish())).toMatchObject({ event: { seq: 3, prev: 2 } });
  });

  it('answers poison to the first event of one room too many, in flight or folded', () => {
    const bench = new Bench({ maxRooms: 2 });
    bench.decide(0, publish({ room: 'a' as RoomId }));
    bench.decide(1, publish({ room: 'a' as RoomId }));
    bench.readBack(1);
    bench.decide(2, publish({ room: 'b' as RoomId }));
    expect(bench.decide(3, publish({ room: 'c' as RoomId }))).toMatchObject({ answer: { reason: 'too_many_rooms' } });
    expect(bench.decide(4, publish({ room: 'b' as RoomId }))).toMatchObject({ event: { seq: 2 } });
    expect(bench.decide(5, publish({ room: 'a' as RoomId }))).toMatchObject({ event: { seq: 3 } });
  });

  it('lets a key in flight count for its window only', () => {
    const bench = new Bench();
    bench.decide(0, publish({ key: 'k' }));
    expect(bench.decide(1, publish({ key: 'k' }), START_MS + 60_000)).toMatchObject({ answer: { seq: 1 } });
    expect(bench.decide(2, publish({ key: 'k' }), START_MS + 60_001)).toMatchObject({ event: { seq: 2 } });
    bench.readBack(1);
    expect(bench.decide(3, publish({ key: 'k' }), START_MS + 60_002)).toMatchObject({ answer: { seq: 2 } });
  });

  it('decides the same however far the fold is behind, but for offsets that are not known yet', () => {
    const event = fc.record({
      room: fc.constantFrom('a', 'b'),
      pub: fc.option(fc.integer({ min: 1, max: 40 })),
      key: fc.option(fc.constantFrom('k', 'l')),
      data: fc.constantFrom('1', '1', '1', '2'),
      later: fc.constantFrom(0, 1, 10, 40_000, 300_000, 5_000_000),
      readBack: fc.nat(4),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120, size: 'max' }), (events) => {
        const [lagging, lockstep] = [new Bench(), new Bench()];
        let time = START_MS;
        for (const [inbound, { room, pub, key, data, later, readBack }] of events.entries()) {
          time += later;
          const asked = publish({
            room: room as RoomId,
            session: pub === null ? null : session,
            pub: pub as Pub | null,
            key: pub === null ? key : null,
            data: Buffer.from(data),
          });
          const one = lagging.decide(inbound, asked, time);
          const other = lockstep.decide(inbound, asked, time);
          lagging.readBack(readBack);
          lockstep.readBack(1);
          expect(withoutOffsets(one)).toEqual(withoutOffsets(other));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('never decides by when the old was swept: a state that forgot nothing decides the same', () => {
    const event = fc.record({
      pub: fc.integer({ min: 1, max: 6 }),
      age: fc.constantFrom(0, 500_000, 700_000, 4_000_000, 6_000_000),
      later: fc.constantFrom(0, 1, 100_000, 1_000_000, 4_000_000),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60, size: 'max' }), (events) => {
        const [swept, kept] = [new Bench(), new Bench()];
        if (kept.fold.publishers !== null) kept.fold.publishers.sweep = () => {};
        let time = START_MS;
        for (const [inbound, { pub, age, later }] of events.entries()) {
          time += later;
          const minted = mintSession(
            Math.floor((time - age) / 1_000_000) * 1_000_000,
            (bytes) => new Uint8Array(bytes),
          );
          const asked = publish({ session: minted, pub: pub as Pub });
          expect(swept.decide(inbound, asked, time)).toEqual(kept.decide(inbound, asked, time));
          swept.readBack(1);
          kept.readBack(1);
        }
      }),
      { numRuns: 300 },
    );
  });
});

const withoutOffsets = (decision: Decision) =>
  'event' in decision ? { event: { ...decision.event, prev: null } } : { answer: { ...decision.answer, offset: null } };
