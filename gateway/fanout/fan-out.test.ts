import type { Buffer } from 'node:buffer';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { seq as seqOf } from '../../core/ids.ts';
import { SlowClients } from '../../core/limits/slow-clients.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { LogEvent } from '../history/log-event.ts';
import type { PartitionHistory } from '../history/partition-history.ts';
import { type Member, type Room, Rooms } from '../rooms/rooms.ts';
import { inboundEvent } from '../tail/test-sequencer.fixture.ts';
import { TestSink, unframe } from '../tail/test-sink.fixture.ts';
import { FanOut } from './fan-out.ts';

const WINDOW_MAX_MS = 20;

/** A sink that also keeps the buffers it was handed, and when. */
class KeepingSink extends TestSink {
  readonly buffers: Buffer[] = [];
  readonly atMs: number[] = [];
  override sendFramed(frames: Buffer): void {
    this.buffers.push(frames);
    this.atMs.push(performance.now());
    super.sendFramed(frames);
  }
}

/** A room with live members, and a fan-out whose time is the test's. */
class Hall {
  readonly behind: Array<{ member: Member; why: string }> = [];
  readonly rooms = new Rooms(new SlowClients(configSchema.parse({}).gateway));
  readonly sinks: KeepingSink[] = [];
  pressure = 0;
  writes = 0;
  deliveries = 0;
  #head = 0;
  readonly fanOut: FanOut;
  readonly #history = { logTime: 0, head: () => ({ seq: this.#head }) } as unknown as PartitionHistory;

  constructor(members: number, windowMaxMs = WINDOW_MAX_MS) {
    this.fanOut = new FanOut({
      clock: { monotonic: () => performance.now() },
      windowMaxMs,
      pressure: () => this.pressure,
      logger: silentLog,
      onDelivered: (events) => {
        this.deliveries += events;
      },
      onWritten: (writes) => {
        this.writes += writes;
      },
      onExpired: () => {},
      onBehind: (member, why) => this.behind.push({ member, why }),
    });
    for (let count = 0; count < members; count += 1) this.join();
  }

  get room(): Room {
    return this.rooms.get('hall' as RoomId) as Room;
  }

  /** As catching up ends: it has everything up to the head. */
  join(sink = new KeepingSink()): KeepingSink {
    const position = { seq: seqOf(this.#head), from: this.#head as Offset };
    const member = this.rooms.enter('hall' as RoomId, this.#history, sink, position);
    member.state = 'live';
    this.room.live.add(member);
    this.sinks.push(sink);
    return sink;
  }

  /** The tail hands over events at once, and lets go of the event loop. */
  events(count = 1, data: unknown = 'x'): void {
    for (let index = 0; index < count; index += 1) {
      this.#head += 1;
      const event = new LogEvent('stream', 0 as Partition, this.#head as Offset, {
        ...inboundEvent('hall', data),
        seq: seqOf(this.#head),
        time: 0,
        prev: -1 as Offset,
      });
      this.fanOut.add(this.room, event);
    }
    this.fanOut.flush();
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const seqs = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('what a member was given', () => {
  it('is noted as its position: behind the last event of the window, also by one who had some of them already', () => {
    const hall = new Hall(100);
    hall.events();
    hall.events(4);
    hall.join();
    hall.events();
    vi.advanceTimersByTime(WINDOW_MAX_MS);
    for (const { seq, position } of hall.room.members) expect([seq, position]).toEqual([6, { seq: 6, from: 7 }]);
    expect(hall.sinks.at(-1)?.seqs()).toEqual([6]);
  });
});

describe('the flush window', () => {
  it('is one write for each member, of one buffer that all of them share', () => {
    const hall = new Hall(1_000);
    hall.events();
    for (let index = 0; index < 10; index += 1) {
      vi.advanceTimersByTime(1);
      hall.events(2);
    }
    vi.advanceTimersByTime(WINDOW_MAX_MS);
    const [first] = hall.sinks as [KeepingSink];
    expect(first.seqs()).toEqual(seqs(1, 21));
    expect(first.buffers).toHaveLength(2);
    for (const { buffers } of hall.sinks)
      expect(buffers.map((one, at) => one === first.buffers[at])).toEqual([true, true]);
    expect([hall.writes, hall.deliveries]).toEqual([2_000, 21_000]);
  });

  it('is none for a quiet room, however large', () => {
    const hall = new Hall(5_000);
    for (let index = 0; index < 5; index += 1) {
      hall.events();
      expect(hall.sinks[0]?.seqs()).toEqual(seqs(1, index + 1));
      vi.advanceTimersByTime(WINDOW_MAX_MS);
    }
    expect(vi.getTimerCount()).toBe(0);
  });

  it('grows with what a write to all costs, and never above its bound', () => {
    const waited = (members: number): number => {
      const hall = new Hall(members);
      const from = performance.now();
      hall.events();
      hall.events();
      vi.runAllTimers();
      return (hall.sinks[0]?.atMs[1] ?? Number.NaN) - from;
    };
    expect(waited(10)).toBe(0);
    expect(waited(100)).toBeGreaterThanOrEqual(2);
    expect(waited(300)).toBeGreaterThan(waited(100));
    // To the millisecond, which is what timers know.
    expect(waited(100_000)).toBeLessThanOrEqual(WINDOW_MAX_MS + 1);
  });

  it('grows for small rooms too while the loop is behind, unless they are quiet', () => {
    const hall = new Hall(2);
    hall.pressure = 1;
    hall.events();
    expect(hall.sinks[0]?.seqs()).toEqual([1]);
    hall.events();
    hall.events();
    expect(hall.sinks[0]?.seqs()).toEqual([1]);
    vi.advanceTimersByTime(WINDOW_MAX_MS + 1);
    expect(hall.sinks[0]?.seqs()).toEqual([1, 2, 3]);
    vi.advanceTimersByTime(WINDOW_MAX_MS);
    hall.events();
    expect(hall.sinks[0]?.seqs()).toEqual([1, 2, 3, 4]);
    expect(hall.sinks[0]?.buffers).toHaveLength(3);
  });

  it('can be forbidden', () => {
    const hall = new Hall(1_000, 0);
    hall.pressure = 1;
    hall.events();
    hall.events();
    expect(hall.sinks[0]?.buffers).toHaveLength(2);
  });

  it('does not wait once it is full', () => {
    const hall = new Hall(1_000);
    hall.events();
    hall.events(3, 'x'.repeat(100_000));
    expect(hall.sinks[0]?.seqs()).toEqual([1, 2, 3, 4]);
    hall.events();
    vi.runAllTimers();
    expect(hall.sinks[0]?.seqs()).toEqual(seqs(1, 5));
  });

  it('is forgotten when the fan-out stops', () => {
    const hall = new Hall(1_000);
    hall.events();
    hall.events();
    expect(vi.getTimerCount()).toBe(1);
    hall.fanOut.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a member', () => {
  it('that comes while a window waits misses nothing and gets nothing twice', () => {
    const hall = new Hall(1_000);
    hall.events();
    hall.events(2);
    const late = Array.from({ length: 3 }, () => hall.join());
    hall.events(2);
    const later = hall.join();
    vi.runAllTimers();
    hall.events();
    vi.runAllTimers();
    // What they lack is built once for all of them.
    expect(late.map(({ buffers }) => buffers[0] === late[0]?.buffers[0])).toEqual([true, true, true]);
    for (const sink of late) expect(sink.seqs()).toEqual([4, 5, 6]);
    expect(later.seqs()).toEqual([6]);
    expect(hall.sinks[0]?.seqs()).toEqual(seqs(1, 6));
    expect(hall.behind).toEqual([]);
  });

  it('that goes while a window waits gets nothing more', () => {
    const hall = new Hall(1_000);
    hall.events();
    hall.events();
    const [member] = [...hall.room.live] as [Member];
    hall.rooms.leave(member);
    vi.runAllTimers();
    expect(hall.sinks[0]?.seqs()).toEqual([1]);
    expect(hall.sinks[1]?.seqs()).toEqual([1, 2]);
  });

  it('has what waits in the window before the room is known to have jumped', () => {
    const hall = new Hall(1_000);
    hall.events();
    hall.events();
    hall.fanOut.jumped(hall.room);
    expect(hall.sinks[0]?.seqs()).toEqual([1, 2]);
    expect(hall.behind).toEqual([]);
  });
});

it('one timer serves all rooms whose windows wait', () => {
  const { fanOut } = new Hall(0);
  const rooms = new Rooms(new SlowClients(configSchema.parse({}).gateway));
  const history = { logTime: 0 } as unknown as PartitionHistory;
  const sinks: KeepingSink[] = [];
  for (let number = 0; number < 100; number += 1) {
    const id = `room ${number}` as RoomId;
    for (let count = 0; count < 100 + number * 10; count += 1) {
      const sink = new KeepingSink();
      const member = rooms.enter(id, history, sink, { seq: seqOf(0), from: 0 as Offset });
      member.state = 'live';
      member.room.live.add(member);
      if (count === 0) sinks.push(sink);
    }
  }
  for (let seq = 1; seq <= 2; seq += 1) {
    for (const room of rooms) {
      fanOut.add(
        room,
        new LogEvent('stream', 0 as Partition, seq as Offset, {
          ...inboundEvent(room.id, seq),
          seq: seqOf(seq),
          time: 0,
          prev: -1 as Offset,
        }),
      );
    }
    fanOut.flush();
  }
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(WINDOW_MAX_MS + 1);
  for (const sink of sinks) expect(sink.seqs()).toEqual([1, 2]);
  // The smaller ones did not wait for the largest.
  expect(sinks[0]?.atMs[1]).toBeLessThan(sinks[99]?.atMs[1] as number);
  expect(vi.getTimerCount()).toBe(0);
  expect(unframe(sinks[0]?.buffers[0] as Buffer)).toHaveLength(1);
});
