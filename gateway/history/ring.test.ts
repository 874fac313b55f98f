import { Buffer } from 'node:buffer';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Epoch, type Offset, type Partition, type RoomId, seq as seqOf } from '../../core/ids.ts';
import { codec, inboundEvent } from '../tail/test-sequencer.fixture.ts';
import { type LogEvent, OVERHEAD_BYTES, readAgain } from './log-event.ts';
import { Ring } from './ring.ts';

const HEADER = { epoch: 0 as Epoch, inbound: 1 as Offset, prevInbound: 0 as Offset, inboundTime: 0 };
const NONE = { claim: null, answer: null, skipped: null };

/** Remembers how many events were made of records. */
class Fixture {
  readonly ring: Ring;
  made = 0;

  constructor(limitBytes: number) {
    this.ring = new Ring(limitBytes, (offset, record) => {
      this.made += 1;
      return readAgain(codec, 'stream', 0 as Partition, offset, record);
    });
  }

  push(room: string, seq: number, offset: number): void {
    const event = { ...inboundEvent(room, { offset }), seq: seqOf(seq), time: offset, prev: -1 as Offset };
    const record = codec.encodeOutbound({ ...HEADER, ...NONE, event });
    this.ring.push(event, offset as Offset, record);
    // What Kafka gave is gone by then.
    record.fill(0);
  }
}

const about = (event: LogEvent | undefined) =>
  event && [event.room, event.seq, event.offset, event.time, Buffer.from(event.data).toString()];
/** As `Fixture.push` was given it. */
const given = (room: string, seq: number, offset: number) => [room, seq, offset, offset, JSON.stringify({ offset })];

/** Of an event whose offset has three digits, in a room whose name has one letter. */
const SIZE = (() => {
  const fixture = new Fixture(1e6);
  fixture.push('a', 1, 100);
  return fixture.ring.bytes;
})();

it('holds the newest events up to its limit, and each room as an unbroken run up to its head', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 300 }), fc.nat(20), (rooms, capacity) => {
      const fixture = new Fixture(capacity * SIZE);
      const { ring } = fixture;
      const all: Array<{ room: string; seq: number; offset: number }> = [];
      rooms.forEach((room, index) => {
        const made = { room, seq: all.filter((one) => one.room === room).length + 1, offset: 100 + index };
        all.push(made);
        fixture.push(room, made.seq, made.offset);
      });
      const held = capacity === 0 ? [] : all.slice(-capacity);
      expect(ring.size).toBe(held.length);
      expect(ring.oldest).toBe(held[0]?.offset);
      for (const room of ['a', 'b', 'c'] as RoomId[]) {
        const mine = held.filter((one) => one.room === room);
        expect(ring.first(room)?.offset).toBe(mine[0]?.offset);
        for (const one of all) {
          if (one.room !== room) continue;
          const expected = mine.includes(one) ? given(room, one.seq, one.offset) : undefined;
          expect(about(ring.at(room, one.seq))).toEqual(expected);
        }
        const firstSeq = mine[0]?.seq ?? Number.POSITIVE_INFINITY;
        for (let seq = 0; seq <= all.length; seq += 1) {
          const after = ring.after(room, seq, Number.POSITIVE_INFINITY);
          if (seq + 1 < firstSeq) expect(after).toBeNull();
          else
            expect(after?.map((one) => one.offset)).toEqual(
              mine.filter((one) => one.seq > seq).map((one) => one.offset),
            );
        }
      }
    }),
    { numRuns: 100 },
  );
});

it('hands out at least one event, however small the portion', () => {
  const fixture = new Fixture(100 * SIZE);
  for (let seq = 1; seq <= 10; seq += 1) fixture.push('a', seq, 100 + seq);
  const after = (maxBytes: number) => fixture.ring.after('a' as RoomId, 3, maxBytes)?.map(({ seq }) => seq);
  const { bytes } = fixture.ring.at('a' as RoomId, 4) as LogEvent;
  expect(after(1)).toEqual([4]);
  expect(after(2 * bytes)).toEqual([4, 5]);
});

it('begins a room anew behind a hole, and drops what was before it in its turn', () => {
  const fixture = new Fixture(4 * SIZE);
  const { ring } = fixture;
  fixture.push('a', 1, 101);
  fixture.push('a', 2, 102);
  fixture.push('a', 7, 103);
  expect(ring.after('a' as RoomId, 2, SIZE)).toBeNull();
  expect(ring.after('a' as RoomId, 6, SIZE)?.map(({ seq }) => seq)).toEqual([7]);
  fixture.push('b', 1, 104);
  expect([ring.size, ring.oldest]).toEqual([4, 101]);
  fixture.push('b', 2, 105);
  fixture.push('b', 3, 106);
  expect([ring.size, ring.oldest]).toEqual([4, 103]);
  expect(about(ring.first('a' as RoomId))).toEqual(given('a', 7, 103));
  fixture.push('b', 4, 107);
  expect(ring.first('a' as RoomId)).toBeUndefined();
});

it('makes an event when it is first asked for, once for all who ask, and forgets it when it is dropped', () => {
  const fixture = new Fixture(3 * SIZE);
  const { ring } = fixture;
  for (let seq = 1; seq <= 3; seq += 1) fixture.push('a', seq, 100 + seq);
  expect(fixture.made).toBe(0);
  const first = ring.at('a' as RoomId, 2);
  expect(ring.after('a' as RoomId, 1, 1)?.[0]).toBe(first);
  expect(fixture.made).toBe(1);
  for (let seq = 4; seq <= 6; seq += 1) fixture.push('a', seq, 100 + seq);
  expect(ring.at('a' as RoomId, 2)).toBeUndefined();
  // Another one has come to the same place since.
  expect(about(ring.at('a' as RoomId, 5))).toEqual(given('a', 5, 105));
});

it('keeps no event that it has dropped', async () => {
  const fixture = new Fixture(3 * SIZE);
  fixture.push('a', 1, 101);
  const dropped = new WeakRef(fixture.ring.at('a' as RoomId, 1) as LogEvent);
  for (let seq = 2; seq <= 4; seq += 1) fixture.push('a', seq, 100 + seq);
  // What was looked at stays for the rest of the turn.
  await new Promise((resolve) => setImmediate(resolve));
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  expect(dropped.deref()).toBeUndefined();
  expect(fixture.ring.size).toBe(3);
});

it('holds nothing after it was told to forget all, and begins anew', () => {
  const fixture = new Fixture(10 * SIZE);
  const { ring } = fixture;
  fixture.push('a', 1, 101);
  ring.at('a' as RoomId, 1);
  ring.clear();
  expect([ring.size, ring.bytes, ring.oldest, ring.first('a' as RoomId)]).toEqual([0, 0, undefined, undefined]);
  fixture.push('a', 9, 109);
  expect(about(ring.first('a' as RoomId))).toEqual(given('a', 9, 109));
});

it('counts a record’s bytes and what its event costs once it was asked for', () => {
  expect(SIZE).toBeGreaterThan(OVERHEAD_BYTES);
  const fixture = new Fixture(SIZE);
  fixture.push('a', 1, 100);
  expect([fixture.ring.bytes, fixture.ring.size]).toEqual([SIZE, 1]);
  fixture.push('a', 2, 101);
  expect([fixture.ring.bytes, fixture.ring.size]).toEqual([SIZE, 1]);
});

it('says so where the schema of a record was forgotten, and has it looked up again', async () => {
  const asked: number[] = [];
  const forgetful = {
    viewOutbound: () => ({ unknownSchema: 77 }),
    ensureSchema: (id: number) => {
      asked.push(id);
      return Promise.reject(new Error('away'));
    },
  };
  const ring = new Ring(1e6, (offset, record) => readAgain(forgetful, 'stream', 0 as Partition, offset, record));
  ring.push({ ...inboundEvent('a', ''), seq: seqOf(1) }, 1 as Offset, Buffer.from('record'));
  expect(() => ring.first('a' as RoomId)).toThrow(expect.objectContaining({ code: 'unavailable' }));
  expect(asked).toEqual([77]);
});
