/** Replay from real Kafka: what sequencers wrote, through kills, as the fold has it. */
import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { cursorOf, type ReplayedEvent, type ReplayOptions, replay } from '../../consumers/replay/replay.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import { inboundEvent, session } from '../support/memory-stream.ts';
import { RealStream } from '../support/real-stream.ts';
import { stack } from '../support/stack.ts';

const PARTITIONS = 3;
const ROOMS = 9;
const PUBS = 120;

let stream: RealStream;
beforeEach(async () => {
  stream = await RealStream.create(stack(), `replay-${randomUUID().slice(0, 8)}`, PARTITIONS);
}, 60_000);
afterEach(() => stream.close());

async function all(options: Partial<ReplayOptions>): Promise<ReplayedEvent[]> {
  const { log, codec, topics } = stream;
  const events: ReplayedEvent[] = [];
  for await (const event of replay({ log, codec, topics, rooms: () => true, ...options })) events.push(event);
  return events;
}

test('tells every room’s events once and in order, from the start, a time, or a cursor', async () => {
  const first = await stream.sequencer('a');
  await first.ready();
  const id = session();
  for (let pub = 1; pub <= PUBS; pub++) {
    const events = Array.from({ length: ROOMS }, (_, n) => inboundEvent({ room: `room-${n}`, session: id, pub }));
    await stream.publish(...events);
    if (pub === PUBS / 2) {
      await first.end('SIGKILL');
      await (await stream.sequencer('b')).ready();
    }
  }
  await stream.sound();
  const events = await all({});
  expect(events).toHaveLength(ROOMS * PUBS);
  const numbers = Array.from({ length: PUBS }, (_, n) => n + 1);
  for (let n = 0; n < ROOMS; n++) {
    expect(events.filter(({ room }) => room === `room-${n}`).map(({ seq }) => seq)).toEqual(numbers);
  }
  const judged = await Promise.all(numbers.slice(0, PARTITIONS).map((n) => stream.judge((n - 1) as Partition)));
  expect(events.map(({ partition, offset }) => `${partition}/${offset}`).sort()).toEqual(
    judged.flatMap(({ events: kept }, partition) => kept.map(({ offset }) => `${partition}/${offset}`)).sort(),
  );
  const middle = events[Math.floor(events.length / 2)] as ReplayedEvent;
  const later = await all({ from: { kind: 'time', timeMs: middle.time } });
  expect(later).toEqual(events.filter(({ time }) => time >= middle.time));
  const rooms = middle.room as RoomId;
  const behind = await all({ rooms, from: { kind: 'cursor', cursor: cursorOf(middle) } });
  expect(behind).toEqual(events.filter(({ room, seq }) => room === rooms && seq > middle.seq));
});
