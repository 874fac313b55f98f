import { describe, expect, it } from 'vitest';
import type { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { takeSnapshot, trim } from './snapshot.fixture.ts';
import { SNAPSHOTS, T0, TOPIC } from './test-sequencer.fixture.ts';
import { joinRoom, until, type World } from './world.fixture.ts';
import { caughtUp, folded, ownWorlds, p0, seqs } from './worlds.fixture.ts';

const world = ownWorlds();
const one = (w: World) => w.of('a');

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
