import { Buffer } from 'node:buffer';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import { type Offset, type Partition, partition, type RoomId, type Seq } from '../../core/ids.ts';
import type { RoomStream } from '../stream.ts';
import { takeSnapshot, trim } from './snapshot.fixture.ts';
import { joinRoom, SNAPSHOTS, T0, type TestSink, TOPIC, until, World, type WorldOptions } from './world.fixture.ts';

const p0 = partition(0);
let worlds: World[] = [];
const world = (options?: WorldOptions): World => {
  const made = new World(options);
  worlds.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(worlds.map((one) => one.close()));
  worlds = [];
});
const seqs = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);
const one = (w: World) => w.of('a');
const endOf = (w: World, number: Partition = p0): number => w.log.cluster.partition(TOPIC, number).range.end;
const caughtUp = (sink: TestSink): Promise<void> => until(() => sink.of('live').length === 1);

/** Once all that follows the start was folded. */
const folded = (stream: RoomStream): Promise<void> => until(() => stream.stats().lagRecords === 0);

describe('a gateway that starts at a snapshot', () => {
  it('reads only what follows it, and knows every room', async () => {
    const w = world();
    w.publishMany('a', 30);
    w.publishMany('quiet', 5);
    await takeSnapshot(w, one(w));
    w.publishMany('a', 3);
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(3);
    expect(await w.metric('roomlog_gateway_snapshots_loaded_total')).toBe(1);
    const { subscription } = await joinRoom(stream, 'quiet', { kind: 'live' });
    expect(subscription.seq).toBe(5);
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    expect(sink.of('live')).toMatchObject([{ seq: 33 }]);
    w.publish('a', 'next');
    await until(() => sink.seqs().length === 1);
    expect(sink.seqs()).toEqual([34]);
    expect(sink.of('gap')).toEqual([]);
  });

  it('serves history from below it: from the start, after a cursor, the last ones, since a time', async () => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('a', 60);
    const before = await w.openStream();
    const { sink: reader } = await joinRoom(before, 'a', { kind: 'start' });
    await caughtUp(reader);
    await takeSnapshot(w, one(w));
    w.publishMany('a', 5);
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(5);
    const cursor = reader.of('event')[6]?.cursor as string;
    const starts = [
      [{ kind: 'start' }, 1],
      [{ kind: 'after', cursor }, 8],
      [{ kind: 'last', count: 20 }, 46],
      [{ kind: 'since', timeMs: T0 + 30 }, 31],
    ] as const;
    for (const [start, first] of starts) {
      const { sink, subscription } = await joinRoom(stream, 'a', start);
      await caughtUp(sink);
      expect(sink.seqs()).toEqual(seqs(first, 65));
      expect(sink.of('gap')).toEqual([]);
      expect(subscription.recovered).toBe(start.kind === 'after');
    }
  });

  it('still knows the seq of a room whose events retention has taken, whatever a client had of it', async () => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('gone', 7);
    const before = await w.openStream();
    const { sink: reader } = await joinRoom(before, 'gone', { kind: 'start' });
    await caughtUp(reader);
    const cursors = reader.of('event').map(({ cursor }) => cursor as string);
    w.publishMany('a', 40);
    const at = await takeSnapshot(w, one(w));
    trim(w, p0, at);
    w.publishMany('a', 40);
    const stream = await w.openStream();
    const readBefore = await w.metric('roomlog_history_bytes_read_total');

    const fresh = await joinRoom(stream, 'gone', { kind: 'live' });
    expect(fresh.subscription.seq).toBe(7);
    const whole = await joinRoom(stream, 'gone', { kind: 'after', cursor: cursors[6] as string });
    expect(whole.subscription).toMatchObject({ seq: 7, recovered: true });
    const late = await joinRoom(stream, 'gone', { kind: 'after', cursor: cursors[3] as string });
    expect(late.subscription).toMatchObject({ seq: 7, recovered: false });
    const start = await joinRoom(stream, 'gone', { kind: 'start' });
    const last = await joinRoom(stream, 'gone', { kind: 'last', count: 3 });
    const resumed = await joinRoom(stream, 'gone', { kind: 'after', cursor: fresh.subscription.cursor });
    expect(resumed.subscription.recovered).toBe(true);
    const all = [fresh, whole, late, start, last, resumed].map(({ sink }) => sink);
    await Promise.all(all.map(caughtUp));
    expect(await w.metric('roomlog_history_bytes_read_total')).toBe(readBefore);

    w.publish('gone', 'again');
    await until(() => all.every((sink) => sink.seqs().length === 1));
    for (const sink of all) expect(sink.seqs()).toEqual([8]);
    for (const { sink } of [fresh, whole, last, resumed]) expect(sink.of('gap')).toEqual([]);
    expect(late.sink.of('gap')).toMatchObject([{ from: 5, to: 7, reason: 'retention' }]);
    expect(start.sink.of('gap')).toMatchObject([{ from: 1, to: 7, reason: 'retention' }]);
  });

  it('tells the gap up to the oldest event left where retention has taken a part', async () => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('a', 60);
    const before = await w.openStream();
    const { sink: reader } = await joinRoom(before, 'a', { kind: 'start' });
    await caughtUp(reader);
    await takeSnapshot(w, one(w));
    w.publishMany('a', 5);
    // The first anchor left is at 40: records 0 and 1 are claims, so the event there is the room's 39th.
    trim(w, p0, 33);
    const stream = await w.openStream();
    const cursor = reader.of('event')[2]?.cursor as string;
    const { sink, subscription } = await joinRoom(stream, 'a', { kind: 'after', cursor });
    await caughtUp(sink);
    expect(subscription).toMatchObject({ seq: 65, recovered: false });
    expect(sink.of('gap')).toMatchObject([{ from: 4, to: 38 }]);
    expect(sink.seqs()).toEqual(seqs(39, 65));
  });

  it('has the newest events in its ring all the same, as many as fit', async () => {
    // Room for ten empty events: a few of these.
    const w = world({ gateway: { ringBytes: 4_000 } });
    w.publishMany('a', 60);
    await takeSnapshot(w, one(w));
    w.publishMany('a', 40);
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'last', count: 9 });
    await caughtUp(sink);
    expect(sink.seqs()).toEqual(seqs(92, 100));
    expect(await w.metric('roomlog_history_bytes_read_total')).toBe(0);
    expect(await w.metric('roomlog_ring_bytes')).toBeLessThanOrEqual(4_000);
  });

  it('takes expired events below it for possible', async () => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('a', 39);
    w.publish('a', 40, { expiresAt: T0 + 60_000 });
    const before = await w.openStream();
    const { sink: reader } = await joinRoom(before, 'a', { kind: 'start' });
    await caughtUp(reader);
    w.publish('a', 41);
    await takeSnapshot(w, one(w));
    const stream = await w.openStream();
    w.now = T0 + 60_000;
    const cursor = reader.of('event')[0]?.cursor as string;
    const { sink, subscription } = await joinRoom(stream, 'a', { kind: 'after', cursor });
    await caughtUp(sink);
    expect(subscription.recovered).toBe(false);
    expect(sink.of('gap')).toMatchObject([{ from: 40, to: 40, reason: 'expired' }]);
  });

  it('refuses cursors above the head of a room, also of rooms it has never seen', async () => {
    const w = world();
    w.publishMany('a', 20);
    const at = await takeSnapshot(w, one(w));
    trim(w, p0, at);
    const stream = await w.openStream();
    const { subscription } = await joinRoom(stream, 'a', { kind: 'live' });
    const forged = Buffer.from(subscription.cursor, 'base64url');
    forged[forged.length - 1] = 21;
    await expect(
      stream.subscribe('a' as RoomId, { kind: 'after', cursor: forged.toString('base64url') }, undefined as never),
    ).rejects.toMatchObject({ code: 'cursor_invalid' });
  });
});

describe('a snapshot that can not be believed', () => {
  /** Reads the whole log instead, and says why. */
  async function expectUnused(w: World, reason: string): Promise<void> {
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(endOf(w));
    expect(await w.metric('roomlog_gateway_snapshots_loaded_total')).toBe(0);
    const text = await w.metrics.render();
    expect(text).toMatch(new RegExp(`^roomlog_gateway_snapshots_refused_total\\{reason="${reason}"\\} 1$`, 'm'));
    const { subscription } = await joinRoom(stream, 'a', { kind: 'live' });
    expect(subscription.seq).toBe(20);
  }

  it('is not used when a chunk was changed', async () => {
    const w = world();
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w));
    const { slots } = w.log.cluster.partition(SNAPSHOTS, p0);
    const [chunk] = slots;
    const value = Buffer.from(chunk?.value as Buffer);
    // The head's seq, 20 in zigzag, is in it once.
    value[value.indexOf(40)] = 42;
    slots[0] = { ...(chunk as NonNullable<typeof chunk>), value };
    await expectUnused(w, 'corrupt');
  });

  it('is not used when a chunk is missing', async () => {
    const w = world();
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w));
    w.log.cluster.partition(SNAPSHOTS, p0).slots[0] = null;
    await expectUnused(w, 'torn');
  });

  it('is not used when it was taken under a claim that this log does not have', async () => {
    const w = world();
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w), {
      change: (capture) => ({ ...capture, mark: { ...capture.mark, claimNonce: Buffer.alloc(16) } }),
    });
    await expectUnused(w, 'foreign');
  });

  it('gives way to the older one', async () => {
    const w = world();
    w.publishMany('a', 20);
    const older = await takeSnapshot(w, one(w));
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w), {
      keep: older,
      change: (capture) => ({ ...capture, mark: { ...capture.mark, claimNonce: Buffer.alloc(16) } }),
    });
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(20);
    expect(await w.metric('roomlog_gateway_snapshots_loaded_total')).toBe(1);
  });

  it.each([
    ['a room’s seq', 'a', { seq: 19 }],
    ['the chain', 'a', { lastInbound: 3 }],
    ['the claim', 'a', { epoch: 0 }],
  ])('is read around when its hashes are right and %s is not what the log says', async (_, room, wrong) => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('a', 20);
    w.of('a').claim();
    w.publishMany('b', 10);
    const { seq, ...mark } = { seq: undefined, ...wrong } as { seq?: number; lastInbound?: Offset; epoch?: never };
    const nonce = one(w).written[0]?.claim?.nonce as Buffer;
    await takeSnapshot(w, one(w), {
      change: (capture) => ({
        ...capture,
        mark: { ...capture.mark, ...mark, ...(mark.epoch === undefined ? {} : { claimNonce: nonce }) },
        rooms: [...capture.rooms].map(([name, was, at]) => [name, (name === room ? (seq ?? was) : was) as Seq, at]),
      }),
    });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'b', { kind: 'live' });
    w.publish('a', 'after');
    w.publish('b', 'after');
    await until(() => sink.seqs().length === 1);
    expect(stream.partitionAvailable('a' as RoomId)).toBe(true);
    const { sink: reader, subscription } = await joinRoom(stream, 'a', { kind: 'start' });
    await caughtUp(reader);
    expect(subscription.seq).toBe(21);
    expect(reader.seqs()).toEqual(seqs(1, 21));
    expect(sink.seqs()).toEqual([11]);
  });

  it('does not make a gateway go on over a log that contradicts itself', async () => {
    const w = world();
    const { record } = w.publish('a', 1);
    await takeSnapshot(w, one(w));
    const stream = await w.openStream();
    w.of('a').append({ ...record, prevInbound: 7 as Offset, inbound: 8 as Offset });
    await vi.waitFor(async () => expect(await w.metric('roomlog_partitions_halted')).toBe(1));
    expect(stream.partitionAvailable('a' as RoomId)).toBe(false);
  });
});

describe('reading again', () => {
  it('begins at the newest snapshot below what was handed out, and hands out nothing twice', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    w.publishMany('a', 30);
    await until(() => sink.seqs().length === 30);
    const at = await takeSnapshot(w, one(w));
    // A broker that hides a record until the reader comes back for it.
    const outbound = w.log.cluster.partition(TOPIC, p0);
    const read = outbound.at.bind(outbound);
    const hidden = w.publish('a', 31).offset;
    const asked: number[] = [];
    let isHidden = true;
    outbound.at = (offset) => {
      asked.push(offset);
      if (offset === at && asked.includes(at + 1)) isHidden = false;
      return offset === hidden && isHidden ? null : read(offset);
    };
    w.publish('a', 32);
    await until(() => sink.seqs().length === 32);
    expect(sink.seqs()).toEqual(seqs(1, 32));
    // 2 claims, 30 events, the fault, and what follows the snapshot again.
    expect(stream.stats().foldedRecords).toBe(2 + 30 + 1 + 2);
    expect(stream.partitionAvailable('a' as RoomId)).toBe(true);
  });

  it('goes on at a snapshot above where the log’s beginning is gone and no other is left', async () => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('quiet', 4);
    w.publishMany('a', 20);
    trim(w, p0, await takeSnapshot(w, one(w)));
    w.publishMany('a', 5);
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    const outbound = w.log.cluster.partition(TOPIC, p0);
    const release = outbound.hold();
    // A broker that hides a record once.
    const read = outbound.at.bind(outbound);
    const hidden = w.publish('a', 26).offset;
    let asked = 0;
    outbound.at = (offset) => (offset === hidden && asked++ === 0 ? null : read(offset));
    w.publishMany('a', 20);
    const older = await takeSnapshot(w, one(w));
    w.publishMany('a', 20);
    await takeSnapshot(w, one(w), { keep: older });
    release();
    await until(() => sink.seqs().length === 41);
    expect(sink.seqs()).toEqual(seqs(26, 66));
    expect(sink.of('gap')).toEqual([]);
    const { subscription } = await joinRoom(stream, 'quiet', { kind: 'live' });
    expect(subscription.seq).toBe(4);
    w.publish('quiet', 5);
    w.publish('a', 67);
    await until(() => sink.seqs().length === 42);
  });

  it('goes on at a snapshot where retention has passed it, and tells members what they missed at once', async () => {
    const w = world({ gateway: { ringBytes: 1_000_000 } });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    const { sink: other } = await joinRoom(stream, 'b', { kind: 'live' });
    w.publishMany('a', 5);
    w.publishMany('b', 2);
    await until(() => sink.seqs().length === 5 && other.seqs().length === 2);
    const release = w.log.cluster.partition(TOPIC, p0).hold();
    w.publishMany('a', 40);
    await takeSnapshot(w, one(w));
    w.publish('c', 1);
    trim(w, p0, 33);
    release();
    await until(() => sink.of('gap').length === 1 || sink.seqs().length > 5);
    await folded(stream);
    const since = await joinRoom(stream, 'a', { kind: 'since', timeMs: T0 + 46 });
    await caughtUp(since.sink);
    expect(since.sink.seqs()).toEqual([45]);
    w.publish('a', 'next');
    w.publish('b', 'next');
    await until(() => sink.seqs().at(-1) === 46 && other.seqs().length === 3);
    expect(other.of('gap')).toEqual([]);
    expect(other.seqs()).toEqual([1, 2, 3]);
    // The first anchor left is at 40, where the room's 37th event is.
    expect(sink.of('gap')).toMatchObject([{ from: 6, to: 36 }]);
    expect(sink.seqs()).toEqual([...seqs(1, 5), ...seqs(37, 46)]);
  });

  it('takes no cursor for forged while it looks for the place to go on', async () => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('a', 5);
    const gate = Promise.withResolvers<void>();
    let isHeld = false;
    const open = w.log.cluster.open.bind(w.log.cluster);
    w.log.cluster.open = (clientId) => {
      const log = open(clientId);
      const ranges = log.ranges.bind(log);
      log.ranges = async (topic, partitions) => {
        if (topic === SNAPSHOTS && isHeld) await gate.promise;
        return ranges(topic, partitions);
      };
      return log;
    };
    const stream = await w.openStream();
    const { sink: reader } = await joinRoom(stream, 'a', { kind: 'start' });
    await caughtUp(reader);
    const cursor = reader.of('event')[2]?.cursor as string;
    isHeld = true;
    const release = w.log.cluster.partition(TOPIC, p0).hold();
    w.publishMany('a', 40);
    await takeSnapshot(w, one(w));
    trim(w, p0, 33);
    release();
    for (
      let code: string | null = null;
      code !== 'unavailable';
      await new Promise((resolve) => setImmediate(resolve))
    ) {
      code = await joinRoom(stream, 'a', { kind: 'after', cursor }).then(
        () => null,
        (thrown: RoomlogError) => thrown.code,
      );
      expect(code).not.toBe('cursor_invalid');
    }
    gate.resolve();
    let joined: Awaited<ReturnType<typeof joinRoom>> | null = null;
    while (joined === null) {
      joined = await joinRoom(stream, 'a', { kind: 'after', cursor }).catch((thrown: RoomlogError) => {
        expect(thrown.code).toBe('unavailable');
        return null;
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { sink } = joined;
    await caughtUp(sink);
    // The first anchor left is at 40.
    expect(sink.of('gap')).toMatchObject([{ from: 4, to: 38, reason: 'retention' }]);
    expect(sink.seqs()).toEqual(seqs(39, 45));
  });
});

describe('loading snapshots', () => {
  it('goes on for a few partitions at a time', async () => {
    const w = world({ partitions: 12 });
    for (const sequencer of w.sequencers) {
      const room = Array.from({ length: 1_000 }, (_, index) => `r${index}`).find((name) => w.of(name) === sequencer);
      w.publish(room as string, 1);
      await takeSnapshot(w, sequencer);
    }
    let running = 0;
    let most = 0;
    const opened = w.log.cluster.open.bind(w.log.cluster);
    w.log.cluster.open = (clientId) => {
      const log = opened(clientId);
      const readRange = log.readRange.bind(log);
      log.readRange = async function* (options) {
        running += 1;
        most = Math.max(most, running);
        try {
          await new Promise((resolve) => setImmediate(resolve));
          yield* readRange(options);
        } finally {
          running -= 1;
        }
      };
      return log;
    };
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(0);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(4);
  });

  /** Asked before every question for the ranges of the snapshots topic. */
  function onRanges(w: World, ask: () => void): void {
    const { cluster } = w.log;
    const open = cluster.open.bind(cluster);
    cluster.open = (clientId) => {
      const log = open(clientId);
      const ranges = log.ranges.bind(log);
      log.ranges = async (topic, partitions) => {
        if (topic === SNAPSHOTS) ask();
        return ranges(topic, partitions);
      };
      return log;
    };
  }

  it('waits for Kafka', async () => {
    const w = world();
    w.publishMany('a', 10);
    await takeSnapshot(w, one(w));
    w.publishMany('a', 2);
    let asked = 0;
    onRanges(w, () => {
      asked += 1;
      if (asked === 1) throw new RoomlogError('kafka_unreachable');
    });
    const stream = await w.openStream();
    expect(asked).toBeGreaterThan(1);
    expect(stream.stats().foldedRecords).toBe(2);
  });

  it('is done without where there is no such topic', async () => {
    const w = world();
    w.publishMany('a', 10);
    onRanges(w, () => {
      throw new RoomlogError('topic_missing');
    });
    const stream = await w.openStream();
    expect(stream.stats().foldedRecords).toBe(12);
  });

  it('ends when the gateway is stopped', async () => {
    const w = world();
    w.publishMany('a', 10);
    const stream = w.createStream();
    const opened = stream.start();
    const refused = expect(opened).rejects.toMatchObject({ code: 'draining' });
    await stream.stop();
    await refused;
  });
});
