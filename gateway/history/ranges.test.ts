import { afterEach, describe, expect, it } from 'vitest';
import type { Offset, Partition, RoomId, Seq } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import { systemClock } from '../../core/ports/clock.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { codec, TOPIC } from '../tail/test-sequencer.fixture.ts';
import { TestSink } from '../tail/test-sink.fixture.ts';
import { joinRoom, until, World } from '../tail/world.fixture.ts';
import { Anchors } from './anchors.ts';
import type { PartitionHistory } from './partition-history.ts';
import { Ranges } from './ranges.ts';
import { readStretch } from './read-stretch.ts';
import { Ring } from './ring.ts';
import { watchReads } from './watch-reads.fixture.ts';

/** Of a partition with a claim, 20 events and nothing in memory. */
const coldView = () =>
  ({
    partition: 0,
    streamId: 's',
    position: 22,
    anchors: new Anchors(),
    ring: new Ring(1, () => expect.unreachable()),
  }) as unknown as PartitionHistory;

let w: World;
afterEach(() => w.close());

describe('many readers of the same past', () => {
  it('read it once', async () => {
    w = new World({ gateway: { ringBytes: 1 }, anchors: { everyRecords: 50 } });
    const seen = watchReads(w);
    w.publishMany('a', 500);
    const stream = await w.openStream();
    const sinks = await Promise.all(
      Array.from({ length: 40 }, async () => (await joinRoom(stream, 'a', { kind: 'start' })).sink),
    );
    await until(() => sinks.every((sink) => sink.of('live').length === 1));
    for (const sink of sinks) expect(sink.seqs()).toHaveLength(500);
    expect(seen.records).toBe(502);
    expect(await w.metric('roomlog_history_bytes_read_total')).toBe(
      w.log.cluster.records('test.outbound', 0 as never).reduce((sum, record) => sum + (record.value?.length ?? 0), 0),
    );
  });

  it('do not read the log at all while the ring reaches back', async () => {
    w = new World();
    const seen = watchReads(w);
    w.publishMany('a', 500);
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => sink.of('live').length === 1);
    expect(sink.seqs()).toHaveLength(500);
    expect(seen.reads).toBe(0);
  });
});

describe('a long range', () => {
  it('is judged in slices, between which the event loop turns as often as the budget says', async () => {
    w = new World({ anchors: { everyRecords: 1_000_000 } });
    w.publishMany('a', 480);
    const stretchOf = async (isSpent: boolean): Promise<number> => {
      let turns = 0;
      const budget = {
        spent: () => isSpent,
        turn: async () => {
          turns += 1;
        },
      };
      const from = Chain.atStart().anchor(0 as Offset);
      const anchors = new Anchors();
      const view = {
        partition: 0,
        streamId: 's',
        position: 482,
        anchors,
        ring: new Ring(1, () => expect.unreachable()),
      } as unknown as PartitionHistory;
      const parts = { log: w.log, codec, topic: TOPIC, budget, signal: new AbortController().signal };
      const { stretch, records } = await readStretch({ view, from, bytes: 1e6 }, parts);
      expect([records, stretch.next.offset]).toEqual([482, 482]);
      return turns;
    };
    expect(await stretchOf(true)).toBe(Math.ceil(482 / 32));
    expect(await stretchOf(false)).toBe(0);
  });

  it('lets those who waited for it go on a few in each turn', async () => {
    w = new World();
    w.publishMany('a', 20);
    // A turn has room for ten, the reading itself for as much as it likes.
    let room = 1_000;
    const waiting: Array<() => void> = [];
    const budget = {
      spent: () => --room < 0,
      turn: () => new Promise<void>((resolve) => waiting.push(resolve)),
    };
    const ranges = new Ranges({
      log: w.log,
      codec,
      topic: TOPIC,
      clock: systemClock,
      budget,
      bytesPerSecond: 1e9,
      cacheBytes: 1e9,
      onRead: () => {
        room = 10;
      },
      onShared: () => {},
    });
    const from = Chain.atStart().anchor(0 as Offset);
    const view = coldView();
    let done = 0;
    const all = Array.from({ length: 100 }, () => ranges.read(view, from).then(() => ++done));
    for (let served = 10; served <= 100; served += 10) {
      await until(() => done + waiting.length === 100);
      expect(done).toBe(served);
      room = 10;
      for (const resolve of waiting.splice(0)) resolve();
    }
    await Promise.all(all);
    ranges.stop();
  });

  it('of which others need other parts is read once, and what is kept is not read again', async () => {
    w = new World({ gateway: { ringBytes: 1 }, anchors: { everyRecords: 50 } });
    const seen = watchReads(w);
    w.publishMany('a', 400);
    w.publishMany('b', 400);
    const stream = await w.openStream();
    const joined = ['b', 'a', 'b', 'a'].map((room) => joinRoom(stream, room, { kind: 'start' }));
    const sinks = (await Promise.all(joined)).map(({ sink }) => sink);
    await until(() => sinks.every((sink) => sink.of('live').length === 1));
    const cursor = sinks[0]?.of('event')[100]?.cursor as string;
    const { sink } = await joinRoom(stream, 'b', { kind: 'after', cursor });
    await until(() => sink.of('live').length === 1);
    expect(sink.seqs()).toHaveLength(299);
    expect(seen.records).toBe(802);
  });
});

describe('a partition that is not believed any more', () => {
  it('is read again by all who come later, whatever was being read when that was found', async () => {
    w = new World();
    w.publishMany('a', 20);
    const gates: Array<() => void> = [];
    const log = {
      async *readRange(options: Parameters<typeof w.log.readRange>[0]): AsyncGenerator<readonly LogRecord[]> {
        await new Promise<void>((resolve) => gates.push(resolve));
        yield* w.log.readRange(options);
      },
    };
    const budget = { spent: () => false, turn: async () => {} };
    const rest = { codec, topic: TOPIC, clock: systemClock, bytesPerSecond: 1e9, cacheBytes: 1e9 };
    const ranges = new Ranges({ ...rest, log, budget, onRead: () => {}, onShared: () => {} });
    const from = Chain.atStart().anchor(0 as Offset);
    const view = coldView();
    const begun = ranges.read(view, from);
    await until(() => gates.length === 1);
    ranges.forget(0 as Partition);
    const later = ranges.read(view, from);
    await until(() => gates.length === 2);
    gates[1]?.();
    const read = await later;
    gates[0]?.();
    expect(await begun).not.toBe(read);
    expect(await ranges.read(view, from)).toBe(read);
    expect(gates).toHaveLength(2);
    ranges.stop();
  });
});

describe('a range that ends where another begins', () => {
  it('is read no further', async () => {
    w = new World({ gateway: { ringBytes: 1 }, anchors: { everyRecords: 50 } });
    const offsets = w.publishMany('a', 800);
    const seen = watchReads(w);
    const stream = await w.openStream();
    const cursor = encodeCursor(w.streamId, 'a' as RoomId, { offset: offsets[498] as Offset, seq: 499 as Seq });
    const { sink: behind } = await joinRoom(stream, 'a', { kind: 'after', cursor });
    await until(() => behind.of('live').length === 1);
    expect(seen.records).toBe(302);
    const { sink } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => sink.of('live').length === 1);
    expect(sink.seqs()).toHaveLength(800);
    expect(seen.records).toBe(802);
  });
});

describe('a room whose newest event lies far below the end', () => {
  const data = Buffer.from(JSON.stringify('x'.repeat(1_000)));

  it.each(['from a cursor', 'from the start'])('is read up to that and little further, %s', async (from) => {
    w = new World({ gateway: { ringBytes: 1 }, anchors: { everyRecords: 10 } });
    const offsets = w.publishMany('a', 100, { data });
    w.publishMany('b', 300, { data });
    const seen = watchReads(w);
    const stream = await w.openStream();
    const cursor = encodeCursor(w.streamId, 'a' as RoomId, { offset: offsets[19] as Offset, seq: 20 as Seq });
    const isResumed = from === 'from a cursor';
    const { sink } = await joinRoom(stream, 'a', isResumed ? { kind: 'after', cursor } : { kind: 'start' });
    await until(() => sink.of('live').length === 1);
    expect(sink.seqs()).toHaveLength(isResumed ? 80 : 100);
    expect(seen.records).toBeLessThan(200);
  });
});

describe('a log that can not be read', () => {
  it('refuses the join with unavailable', async () => {
    w = new World({ gateway: { ringBytes: 1 }, historyCacheBytes: 0 });
    w.publishMany('a', 5);
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => sink.of('live').length === 1);
    w.publishMany('a', 2);
    await w.settled(stream);
    w.log.cluster.unreachable = true;
    const cursor = sink.of('event')[1]?.cursor as string;
    await expect(stream.subscribe('a' as never, { kind: 'after', cursor }, new TestSink())).rejects.toMatchObject({
      code: 'unavailable',
      details: { retryAfter: expect.any(Number) },
    });
    w.log.cluster.unreachable = false;
    const { sink: again } = await joinRoom(stream, 'a', { kind: 'after', cursor });
    await until(() => again.of('live').length === 1);
    expect(again.seqs()).toEqual([3, 4, 5, 6, 7]);
  });

  it('is waited for by those who have joined, and gives them up with 1013 after a while', async () => {
    w = new World({ gateway: { ringBytes: 1, slowClientTimeoutMs: 300 } });
    w.publishMany('a', 5);
    const stream = await w.openStream();
    w.log.cluster.unreachable = true;
    const patient = await joinRoom(stream, 'a', { kind: 'start' });
    w.log.cluster.unreachable = false;
    await until(() => patient.sink.of('live').length === 1);
    expect(patient.sink.seqs()).toEqual([1, 2, 3, 4, 5]);
    const other = await w.openStream({ ringBytes: 1, slowClientTimeoutMs: 300 });
    w.log.cluster.unreachable = true;
    const lost = await joinRoom(other, 'a', { kind: 'start' });
    await until(() => lost.sink.closed);
    expect(lost.sink.closeCode).toBe(1013);
  });

  it('is not believed where it says less than when it was folded', async () => {
    w = new World({ gateway: { ringBytes: 1 }, anchors: { everyRecords: 2 } });
    w.publishMany('a', 9);
    const stream = await w.openStream();
    const outbound = w.log.cluster.partition('test.outbound', 0 as never);
    const at = outbound.at.bind(outbound);
    // The last record before an anchor is missing, so that the records that are left make a chain.
    let hidden = 5;
    outbound.at = (offset) => (offset === hidden ? null : at(offset));
    const { sink } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => sink.closed);
    expect(sink.closeCode).toBe(1013);
    hidden = -1;
    const { sink: again } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => again.of('live').length === 1);
    expect(again.seqs()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('is not believed where its end is missing', async () => {
    w = new World({ gateway: { ringBytes: 1 }, anchors: { everyRecords: 2 } });
    const last = w.publishMany('a', 8).at(-1);
    const stream = await w.openStream();
    const outbound = w.log.cluster.partition('test.outbound', 0 as never);
    const at = outbound.at.bind(outbound);
    outbound.at = (offset) => (offset === last ? null : at(offset));
    const { sink } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => sink.closed);
    expect(sink.closeCode).toBe(1013);
  });
});
