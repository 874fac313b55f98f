import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Offset, type Partition, type RoomId, seq as seqOf } from '../../core/ids.ts';
import { inboundEvent } from '../tail/test-sequencer.fixture.ts';
import { LogEvent } from './log-event.ts';
import { Ring } from './ring.ts';

const event = (room: string, seq: number, offset: number): LogEvent =>
  new LogEvent('stream', 0 as Partition, offset as Offset, {
    ...inboundEvent(room, ''),
    seq: seqOf(seq),
    time: 0,
    prev: -1 as Offset,
  });
const SIZE = event('a', 1, 1).bytes;

it('holds the newest events up to its limit, and each room as an unbroken run up to its head', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 300 }), fc.nat(20), (rooms, capacity) => {
      const ring = new Ring(capacity * SIZE);
      const all: LogEvent[] = [];
      rooms.forEach((room, offset) => {
        const made = event(room, all.filter((one) => one.room === room).length + 1, offset);
        all.push(made);
        ring.push(made);
      });
      const held = capacity === 0 ? [] : all.slice(-capacity);
      expect(ring.size).toBe(held.length);
      expect(ring.bytes).toBe(held.length * SIZE);
      expect(ring.oldest).toBe(held[0]);
      for (const room of ['a', 'b', 'c'] as RoomId[]) {
        const mine = held.filter((one) => one.room === room);
        expect(ring.first(room)).toBe(mine[0]);
        for (const one of all) {
          if (one.room === room) expect(ring.at(room, one.seq)).toBe(mine.includes(one) ? one : undefined);
        }
        const firstSeq = mine[0]?.seq ?? Number.POSITIVE_INFINITY;
        for (let seq = 0; seq <= all.length; seq += 1) {
          const after = ring.after(room, seq, Number.POSITIVE_INFINITY);
          if (seq + 1 < firstSeq) expect(after).toBeNull();
          else expect(after).toEqual(mine.filter((one) => one.seq > seq));
        }
      }
    }),
    { numRuns: 100 },
  );
});

it('hands out at least one event, however small the portion', () => {
  const ring = new Ring(100 * SIZE);
  for (let seq = 1; seq <= 10; seq += 1) ring.push(event('a', seq, seq));
  expect(ring.after('a' as RoomId, 3, 1)?.map(({ seq }) => seq)).toEqual([4]);
  expect(ring.after('a' as RoomId, 3, 2 * SIZE)?.map(({ seq }) => seq)).toEqual([4, 5]);
});

it('begins a room anew behind a hole', () => {
  const ring = new Ring(100 * SIZE);
  ring.push(event('a', 1, 1));
  ring.push(event('a', 2, 2));
  ring.push(event('a', 7, 3));
  expect(ring.after('a' as RoomId, 2, SIZE)).toBeNull();
  expect(ring.after('a' as RoomId, 6, SIZE)?.map(({ seq }) => seq)).toEqual([7]);
});
