import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import { codec, inboundEvent } from '../tail/test-sequencer.fixture.ts';
import { KeptStretches } from './kept-stretches.ts';
import { Stretch } from './stretch.ts';

const p = (number: number): Partition => number as Partition;
/** Never spent. */
const UNBOUNDED = { spent: () => false, turn: async () => {} };
function stretch(from: number, to: number, number = 0): Stretch {
  const made = new Stretch({ partition: p(number), streamId: 's', codec, budget: UNBOUNDED, from: from as Offset });
  for (let offset = from; offset < to; offset += 1) made.add(offset as Offset, 'r' as RoomId, Buffer.alloc(1));
  made.end(Chain.atStart().anchor(to as Offset));
  return made;
}
/** What ten records take. */
const TEN_BYTES = stretch(0, 10).bytes;

it('finds the one that covers an offset, in its partition alone, and where the next one begins', () => {
  const kept = new KeptStretches(1e9);
  const low = stretch(10, 20);
  const high = stretch(30, 40);
  const other = stretch(20, 30, 1);
  for (const one of [high, low, other]) kept.keep(one);
  expect(kept.covering(p(0), 10)).toBe(low);
  expect(kept.covering(p(0), 19)).toBe(low);
  expect(kept.covering(p(0), 20)).toBeUndefined();
  expect(kept.covering(p(0), 9)).toBeUndefined();
  expect(kept.covering(p(0), 39)).toBe(high);
  expect(kept.covering(p(1), 25)).toBe(other);
  expect(kept.beginAbove(p(0), 10)).toBe(30);
  expect(kept.beginAbove(p(0), 9)).toBe(10);
  expect(kept.beginAbove(p(0), 30)).toBe(Number.POSITIVE_INFINITY);
});

it('lets go of what was wanted least lately, and never holds more than its limit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.nat(9)), { maxLength: 60 }),
      fc.integer({ min: 1, max: 8 }),
      (steps, room) => {
        const kept = new KeptStretches(room * TEN_BYTES);
        let model: number[] = [];
        for (const [keeps, place] of steps) {
          const at = place * 10;
          if (keeps) {
            kept.keep(stretch(at, at + 10));
            model = [...model.filter((one) => one !== at), at].slice(-room);
          } else {
            expect(kept.covering(p(0), at + 5)?.from).toBe(model.includes(at) ? at : undefined);
            if (model.includes(at)) model = [...model.filter((one) => one !== at), at];
          }
          expect(kept.bytes).toBe(model.length * TEN_BYTES);
        }
      },
    ),
  );
});

it('forgets a partition', () => {
  const kept = new KeptStretches(1e9);
  kept.keep(stretch(0, 10));
  kept.keep(stretch(10, 20));
  kept.keep(stretch(0, 10, 1));
  kept.forget(p(0));
  expect(kept.covering(p(0), 5)).toBeUndefined();
  expect(kept.covering(p(1), 5)?.partition).toBe(1);
  expect(kept.bytes).toBe(TEN_BYTES);
});

it('hands out a room’s events in portions, in slices between which the event loop may turn, and keeps none of them as an object', async () => {
  let decoded = 0;
  const turnsAt: number[] = [];
  const counting = new Stretch({
    partition: p(0),
    streamId: 's',
    from: 0 as Offset,
    budget: { spent: () => true, turn: async () => void turnsAt.push(decoded) },
    codec: {
      decodeOutbound: (record) => {
        decoded += 1;
        return codec.decodeOutbound(record);
      },
      ensureSchema: codec.ensureSchema,
    },
  });
  const record = (room: string, seq: number): Buffer =>
    codec.encodeOutbound({
      epoch: 0 as never,
      inbound: 1 as never,
      prevInbound: 0 as never,
      inboundTime: 1,
      claim: null,
      answer: null,
      skipped: null,
      event: { ...inboundEvent(room, 'x'), seq: seq as never, time: 1, prev: -1 as never },
    });
  for (let offset = 0; offset < 80; offset += 1) {
    const room = offset % 2 === 0 ? 'a' : 'b';
    counting.add(offset as Offset, room as RoomId, record(room, offset));
  }
  counting.end(Chain.atStart().anchor(80 as Offset));
  const first = await counting.eventsOf('a' as RoomId, 0 as Offset, 1);
  expect([first.events.map(({ offset }) => offset), first.more]).toEqual([[0], true]);
  const rest = await counting.eventsOf('a' as RoomId, 1 as Offset, 1e9);
  expect([rest.events.map(({ offset }) => offset), rest.more]).toEqual([
    Array.from({ length: 39 }, (_, index) => 2 * (index + 1)),
    false,
  ]);
  expect((await counting.eventsOf('a' as RoomId, 0 as Offset, 1e9)).events).toHaveLength(40);
  // Each of the forty whenever it was asked for.
  expect(decoded).toBe(80);
  expect(turnsAt).toEqual([0, 1, 17, 33, 40, 56, 72]);
  expect(await counting.at(3 as Offset)).toMatchObject({ room: 'b', offset: 3 });
});
