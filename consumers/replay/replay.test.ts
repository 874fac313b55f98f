import { afterEach, describe, expect, test } from 'vitest';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import { RunningSequencers, sound } from '../../test/support/running-sequencers.ts';
import { cursorOf, type ReplayedEvent, type ReplayOptions, replay } from './replay.ts';

const running = new RunningSequencers();
afterEach(() => running.stopAll());

/** A clock that goes on by 10 ms with every look. */
function steadyClock() {
  let now = 1_800_000_000_000;
  return {
    now: () => {
      now += 10;
      return now;
    },
    monotonic: () => performance.now(),
  };
}

async function sequenced(count: number, options = {}): Promise<MemoryStream> {
  const stream = new MemoryStream({
    partitions: 3,
    clock: steadyClock(),
    sequencer: { batchBytes: 1_000, claimEveryBytes: 2_000, sessionTimeoutMs: 5_000 },
    ...options,
  });
  await running.start(stream, 'a');
  for (let n = 0; n < count; n++) stream.publish(inboundEvent({ room: `room-${n % 7}`, data: Buffer.from(`${n}`) }));
  await sound(stream);
  await running.stopAll();
  return stream;
}

async function all(stream: MemoryStream, options: Partial<ReplayOptions>): Promise<ReplayedEvent[]> {
  const events: ReplayedEvent[] = [];
  const { codec, topics } = stream;
  for await (const event of replay({
    log: stream.cluster.open('replay'),
    codec,
    topics,
    rooms: () => true,
    ...options,
  })) {
    events.push(event);
  }
  return events;
}

const room = (name: string) => name as RoomId;
const seqs = (events: readonly ReplayedEvent[]) => events.map(({ seq }) => seq);
const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

test('tells all events of all rooms in the order of time', async () => {
  const stream = await sequenced(210);
  const events = await all(stream, {});
  expect(events).toHaveLength(210);
  expect(events.map(({ time }) => time)).toEqual(events.map(({ time }) => time).sort((a, b) => a - b));
  for (let n = 0; n < 7; n++) {
    expect(seqs(events.filter((event) => event.room === `room-${n}`))).toEqual(upTo(30));
  }
});

test('tells one room’s events, and rooms by predicate', async () => {
  const stream = await sequenced(70);
  expect(seqs(await all(stream, { rooms: room('room-3') }))).toEqual(upTo(10));
  const two = await all(stream, { rooms: (name) => name === 'room-1' || name === 'room-2' });
  expect(new Set(two.map((event) => event.room))).toEqual(new Set(['room-1', 'room-2']));
  expect(two).toHaveLength(20);
});

test('starts and ends at a log time', async () => {
  const stream = await sequenced(210);
  const events = await all(stream, {});
  const [first, last] = [events[50], events[150]];
  const fromMs = first?.time ?? 0;
  const toMs = last?.time ?? 0;
  const part = await all(stream, { from: { kind: 'time', timeMs: fromMs }, toMs });
  expect(part).toEqual(events.filter(({ time }) => time >= fromMs && time <= toMs));
});

test('leaves out what a zombie and a retry wrote', async () => {
  const stream = await sequenced(70);
  for (let number = 0; number < 3; number++) {
    const records = stream.cluster.records(stream.topics.outbound, number as Partition);
    // As if everything had been written once more, later: claims would start epochs, so only the data.
    for (const { key, value } of records) {
      const record = stream.codec.decodeOutbound(value as Buffer);
      if ('claim' in record && record.claim === null) {
        stream.cluster.write(stream.topics.outbound, number as Partition, { key, value });
      }
    }
  }
  expect(await all(stream, {})).toHaveLength(70);
});

describe('from a cursor', () => {
  test('goes on behind the event that it names', async () => {
    const stream = await sequenced(210);
    const events = await all(stream, { rooms: room('room-4') });
    for (const at of [0, 11, 28, 29]) {
      const cursor = cursorOf(events[at] as ReplayedEvent);
      expect(await all(stream, { rooms: room('room-4'), from: { kind: 'cursor', cursor } })).toEqual(
        events.slice(at + 1),
      );
    }
  });

  test('refuses one that points elsewhere, one of another stream, and one without a room', async () => {
    const stream = await sequenced(70);
    const [event] = await all(stream, { rooms: room('room-4') });
    const { streamId } = stream.judge(0 as Partition).claims[1]?.claim ?? { streamId: '' };
    const offset = event?.offset ?? (0 as Offset);
    const from = (cursor: string) => ({ from: { kind: 'cursor' as const, cursor } });
    const elsewhere = encodeCursor(streamId, 'room-4' as RoomId, {
      offset: (offset + 1) as Offset,
      seq: event?.seq as never,
    });
    const code = (options: Partial<ReplayOptions>) => all(stream, options).catch((error) => error.code);
    expect(await code({ rooms: room('room-4'), ...from(elsewhere) })).toBe('cursor_invalid');
    expect(await code({ rooms: room('room-5'), ...from(cursorOf(event as ReplayedEvent)) })).toBe('cursor_invalid');
    expect(await code({ rooms: room('room-4'), ...from('AAAA') })).toBe('cursor_invalid');
    const ahead = encodeCursor(streamId, 'room-4' as RoomId, { offset: 99_999 as Offset, seq: 1 as never });
    expect(await code({ rooms: room('room-4'), ...from(ahead) })).toBe('cursor_invalid');
    expect(await code(from(cursorOf(event as ReplayedEvent)))).toBe('bad_frame');
  });
});

test('starts at the first claim where older records were deleted', async () => {
  const stream = await sequenced(210);
  const before = await all(stream, {});
  for (let number = 0; number < 3; number++) {
    stream.cluster.trim(stream.topics.outbound, number as Partition, 20 as Offset);
  }
  const after = await all(stream, {});
  expect(after.length).toBeGreaterThan(0);
  expect(after.length).toBeLessThan(before.length);
  const kept = new Set(after.map(cursorOf));
  expect(before.filter((event) => kept.has(cursorOf(event)))).toEqual(after);
});

test('says so where nothing is left to start from', async () => {
  const stream = await sequenced(70, { sequencer: { sessionTimeoutMs: 5_000 } });
  stream.cluster.trim(stream.topics.outbound, 0 as Partition, 5 as Offset);
  expect(await all(stream, {}).catch((error) => error.code)).toBe('fold_halted');
});

test('says so where the log contradicts itself', async () => {
  const stream = await sequenced(70);
  const records = stream.outbound(0 as Partition);
  const last = records.at(-1)?.record;
  if (last === undefined) throw new Error('no records');
  const value = stream.codec.encodeOutbound({ ...last, prevInbound: 999 as Offset, inbound: 1_000 as Offset });
  stream.cluster.write(stream.topics.outbound, 0 as Partition, { value });
  expect(await all(stream, {}).catch((error) => error.code)).toBe('fold_halted');
});
