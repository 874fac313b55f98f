import { describe, expect, test } from 'vitest';
import type { LoadedSnapshot } from '../../adapters/snapshots/load.ts';
import { Shelf } from '../../adapters/snapshots/shelf.ts';
import { writeSnapshot } from '../../adapters/snapshots/write.ts';
import type { Offset, Partition, RoomId, Seq } from '../../core/ids.ts';
import { captureFold } from '../../core/log/capture.ts';
import { inboundEvent, session } from '../../test/support/memory-stream.ts';
import { sound, until } from '../../test/support/running-sequencers.ts';
import { linesInto, MANY_ROOMS, p0, ROOM_NAME_CHARS, running, World } from '../../test/support/snapshots-world.ts';

describe('starting', () => {
  test('reads no record again that a snapshot has', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(50);
    await world.seqOf('r', 50);
    await a.stop();
    const { end } = world;
    world.lines.length = 0;
    await world.start('b');
    expect(world.lines.find(({ message }) => message === 'snapshot loaded')?.fields).toMatchObject({ offset: end });
    world.publish(1);
    await world.seqOf('r', 51);
    await sound(world.stream);
  });

  test('gives a room its next seq when all its events were deleted, also after a second restart', async () => {
    const world = new World();
    let seq = 0;
    for (const name of ['a', 'b', 'c']) {
      const sequencer = await world.start(name);
      world.publish(7);
      seq += 7;
      await world.seqOf('r', seq);
      await sequencer.stop();
      const start = await world.deleteCovered();
      expect(start).toBeGreaterThanOrEqual(seq);
      expect(world.stream.outbound(p0)).toEqual([]);
    }
    await world.start('d');
    world.publish(1);
    await world.seqOf('r', seq + 1);
  });

  test('tells repeats from news by what the snapshot remembers', async () => {
    const world = new World();
    const id = session();
    const said = (pub: number) => inboundEvent({ session: id, pub, data: Buffer.from(`{"n":${pub}}`) });
    const a = await world.start('a');
    for (const pub of [1, 2, 3]) world.stream.publish(said(pub));
    world.stream.publish(inboundEvent({ key: 'k', data: Buffer.from('1') }));
    await world.seqOf('r', 4);
    await a.stop();
    await world.deleteCovered();
    await world.start('b');
    world.stream.publish(said(2));
    world.stream.publish(inboundEvent({ key: 'k', data: Buffer.from('1') }));
    world.stream.publish(said(4));
    await world.seqOf('r', 5);
    const answers = world.stream.outbound(p0).flatMap(({ record: { answer } }) => (answer === null ? [] : [answer]));
    expect(answers).toMatchObject([
      { code: 'duplicate', pub: 2, seq: 2, offset: 3 },
      { code: 'duplicate', key: 'k', seq: 4, offset: 5 },
    ]);
  });

  test.each(['missing', 'stale'])(
    'halts where outbound begins above 0 and its snapshots are %s: it claims nothing, guesses nothing',
    async (what) => {
      const world = new World();
      const a = await world.start('a');
      world.publish(10);
      await world.seqOf('r', 10);
      await a.stop();
      await world.deleteCovered();
      const { cluster, topics } = world.stream;
      if (what === 'missing') cluster.createTopic(topics.snapshots, 1);
      else {
        cluster.writeControl(topics.outbound, p0);
        cluster.trim(topics.outbound, p0, world.end as Offset);
      }
      const { end } = world;
      // Slower than a claim would be.
      const log = cluster.open('b');
      const ranges = log.ranges.bind(log);
      log.ranges = async (topic, partitions) => {
        if (topic === topics.snapshots) await new Promise((resolve) => setTimeout(resolve, 50));
        return ranges(topic, partitions);
      };
      const b = await running.start(world.stream, 'b', { logger: linesInto(world.lines), log });
      world.publish(1);
      await until(() => expect(b.report().partitions[0]?.state).toBe('halted'));
      expect(b.report().partitions[0]?.error?.message).toMatch(/begins at 1[23].*Restore that topic.*new prefix/);
      expect(world.end).toBe(end);
    },
  );

  test('takes over although retention passes between every look at outbound and the read that follows', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(10);
    await world.seqOf('r', 10);
    await a.stop();
    const { cluster, topics } = world.stream;
    const log = cluster.open('b');
    const ranges = log.ranges.bind(log);
    let deleted = 0;
    log.ranges = async (topic, partitions) => {
      const found = await ranges(topic, partitions);
      // Up to the snapshot that was written on stop.
      if (topic === topics.outbound && deleted < 5) cluster.trim(topic, p0, (++deleted * 2) as Offset);
      return found;
    };
    await world.start('b', { log });
    world.publish(1);
    await world.seqOf('r', 11);
    expect(deleted).toBe(5);
  });

  test('reads from offset 0 where the snapshots topic is missing, and says so', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(10);
    await world.seqOf('r', 10);
    await a.stop();
    const topics = { ...world.stream.topics, snapshots: 'nowhere' };
    await world.start('b', { topics });
    world.publish(1);
    await world.seqOf('r', 11);
    expect(world.said('the snapshots topic is missing')).toBe(true);
  });

  test('does not believe a snapshot twice that led to a contradiction', async () => {
    const world = new World();
    const a = await world.start('a');
    world.publish(10);
    await world.seqOf('r', 10);
    await a.stop();
    const { cluster, codec, topics } = world.stream;
    const loaded = (await world.load()) as LoadedSnapshot;
    // Whole, of this log, and wrong: as a bug of another version might write it.
    loaded.fold.heads.set('r' as RoomId, 99 as Seq, 3 as Offset);
    const b = await world.start('b');
    world.publish(1);
    await world.seqOf('r', 11);
    cluster.group(world.stream.groupId, topics.inbound).evict('b', { tell: false });
    await writeSnapshot({
      log: cluster.open('liar'),
      codec,
      topic: topics.snapshots,
      capture: captureFold(loaded.fold, p0, loaded.mark.offset),
      poison: [],
      anchors: [],
      bytesSinceClaim: 0,
      takenAt: 0,
      shelf: new Shelf(),
      keep: null,
      mayLeave: () => true,
      turn: () => Promise.resolve(),
    });
    expect((await world.load())?.fold.heads.seqOf('r' as RoomId)).toBe(99);
    await world.start('c');
    world.publish(1);
    await world.seqOf('r', 12);
    expect(world.said('outbound can not be folded on')).toBe(true);
    await b.stop();
  });

  test('goes on from the older one, or the start, when its writer was killed in the middle', async () => {
    const world = new World({ snapshotEveryRecords: MANY_ROOMS });
    const { cluster, topics, groupId } = world.stream;
    const a = await world.start('a');
    let appends = 0;
    const never = new Promise(() => {});
    cluster.onAppend = ({ topic, clientId }) =>
      topic === topics.snapshots && clientId === 'a' && ++appends > 1 ? { hold: never } : undefined;
    for (let n = 0; n < MANY_ROOMS; n++) world.publish(1, `${n}-`.padEnd(ROOM_NAME_CHARS, 'x'));
    await until(() => expect(appends).toBe(2));
    world.publish(1);
    await world.seqOf('r', 1);
    cluster.group(groupId, topics.inbound).evict('a', { tell: false });
    await world.start('b');
    world.publish(1);
    await world.seqOf('r', 2);
    await sound(world.stream);
    expect(a.report().partitions[0]?.snapshot).toBeNull();
  });

  test('writes the letters that a dead owner owed, though its poison answer lies below the snapshot', async () => {
    const world = new World({ snapshotEveryRecords: 3 });
    const { cluster, topics, groupId } = world.stream;
    const a = await world.start('a');
    const never = new Promise(() => {});
    cluster.onAppend = ({ topic, clientId }) =>
      topic === topics.deadletter && clientId === 'a' ? { hold: never } : undefined;
    world.stream.write(p0, Buffer.from('junk'), Buffer.from('r'));
    await until(() => expect(world.stream.outbound(p0)).toHaveLength(2));
    world.publish(2);
    await until(() => expect(a.report().partitions[0]?.snapshot?.offset).toBeGreaterThan(1));
    cluster.group(groupId, topics.inbound).evict('a', { tell: false });
    expect(world.stream.deadLetters()).toEqual([]);
    await world.deleteCovered();
    await world.start('b');
    await until(() => expect(world.stream.deadLetters()).toMatchObject([{ inbound: 0 }]));
  });

  test('keeps the stream’s id when every claim was deleted, for all partitions', async () => {
    const world = new World({}, undefined, 3);
    const a = await world.start('a');
    const { streamId } = a.report();
    await a.stop();
    for (let number = 0; number < 3; number++) await world.deleteCovered(number as Partition);
    const b = await world.start('b');
    expect(streamId).not.toBeNull();
    expect(b.report().streamId).toBe(streamId);
    // Not even for a moment is it a stream without a name, to be named anew.
    const claims = world.stream.outbound(p0).map(({ record }) => record.claim?.streamId);
    expect(new Set(claims)).toEqual(new Set([streamId]));
    await b.stop();
    for (let number = 0; number < 3; number++) {
      expect((await world.load(number as Partition))?.mark.streamId).toBe(streamId);
    }
  });
});
