import { describe, expect, it } from 'vitest';
import type { Offset } from '../../core/ids.ts';
import { T0, TOPIC } from './test-sequencer.fixture.ts';
import { joinRoom, until } from './world.fixture.ts';
import { ownWorlds } from './worlds.fixture.ts';

const world = ownWorlds();

describe('what can not be had', () => {
  it('announces what retention has deleted', async () => {
    const w = world({ anchors: { everyRecords: 1 }, gateway: { ringBytes: 1 }, historyCacheBytes: 0 });
    const [firstOffset] = w.publishMany('a', 10);
    const stream = await w.openStream();
    const { sink: all } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => all.of('live').length === 1);
    const cursors = all.of('event').map((event) => event.cursor as string);
    w.log.cluster.trim(TOPIC, 0 as never, ((firstOffset as number) + 6) as Offset);

    const { sink, subscription } = await joinRoom(stream, 'a', { kind: 'after', cursor: cursors[1] as string });
    await until(() => sink.of('live').length === 1);
    expect(subscription.recovered).toBe(false);
    expect(sink.of('gap')).toMatchObject([{ from: 3, to: 6, reason: 'retention' }]);
    expect(sink.seqs()).toEqual([7, 8, 9, 10]);
    expect(sink.frames[0]?.type).toBe('gap');

    const { sink: fromStart } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => fromStart.of('live').length === 1);
    expect(fromStart.of('gap')).toMatchObject([{ from: 1, to: 6 }]);
    expect(fromStart.seqs()).toEqual([7, 8, 9, 10]);

    const afterGap = sink.of('gap')[0]?.cursor as string;
    const again = await joinRoom(stream, 'a', { kind: 'after', cursor: afterGap });
    await until(() => again.sink.of('live').length === 1);
    expect(again.subscription.recovered).toBe(true);
    expect(again.sink.seqs()).toEqual([7, 8, 9, 10]);

    const head = await joinRoom(stream, 'a', { kind: 'after', cursor: cursors[9] as string });
    expect(head.subscription.recovered).toBe(true);
    const last = await joinRoom(stream, 'a', { kind: 'last', count: 8 });
    await until(() => last.sink.of('live').length === 1);
    expect(last.sink.seqs()).toEqual([7, 8, 9, 10]);
  });

  it('announces it where nothing of the room is left, and finds nothing missed where the head was seen', async () => {
    const w = world({ anchors: { everyRecords: 1 }, gateway: { ringBytes: 1 }, historyCacheBytes: 0 });
    w.publishMany('a', 3);
    w.publishMany('b', 5);
    const stream = await w.openStream();
    const { sink: all } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => all.of('live').length === 1);
    w.log.cluster.trim(TOPIC, 0 as never, 6 as Offset);
    const cursors = all.of('event').map((event) => event.cursor as string);
    const missed = await joinRoom(stream, 'a', { kind: 'after', cursor: cursors[0] as string });
    await until(() => missed.sink.of('live').length === 1);
    expect(missed.subscription.recovered).toBe(false);
    expect(missed.sink.of('gap')).toMatchObject([{ from: 2, to: 3, cursor: cursors[2] }]);
    const seen = await joinRoom(stream, 'a', { kind: 'after', cursor: cursors[2] as string });
    expect(seen.subscription.recovered).toBe(true);
    expect(seen.sink.of('gap')).toEqual([]);
    w.publish('a', 4);
    await until(() => seen.sink.seqs().length === 1 && missed.sink.seqs().length === 1);
    expect(seen.sink.seqs()).toEqual([4]);
  });

  it('replaces expired events by gaps, by log time', async () => {
    for (const ringBytes of [1, 1_000_000]) {
      const w = world({ anchors: { everyRecords: 2 }, gateway: { ringBytes } });
      const live = await w.openStream();
      const { sink: present } = await joinRoom(live, 'a', { kind: 'live' });
      w.publish('a', 1);
      await w.settled(live);
      const time = present.of('event')[0]?.time as number;
      w.publish('a', 2, { expiresAt: time + 3 });
      w.publish('a', 3, { expiresAt: time + 3 });
      await w.settled(live);
      expect(present.seqs()).toEqual([1, 2, 3]);
      const cursor = present.of('event')[0]?.cursor as string;
      const early = await joinRoom(live, 'a', { kind: 'after', cursor });
      await until(() => early.sink.of('live').length === 1);
      expect(early.subscription.recovered).toBe(true);
      w.publish('a', 4);
      w.publish('a', 5);
      await w.settled(live);
      const { sink, subscription } = await joinRoom(live, 'a', { kind: 'after', cursor });
      await until(() => sink.of('live').length === 1);
      expect(subscription.recovered).toBe(false);
      // From the log it may come in two pieces.
      expect(sink.of('gap').every(({ reason }) => reason === 'expired')).toBe(true);
      expect([sink.of('gap')[0]?.from, sink.of('gap').at(-1)?.to]).toEqual([2, 3]);
      expect(sink.of('gap').at(-1)?.cursor).toBe(present.of('event')[2]?.cursor);
      expect(sink.seqs()).toEqual([4, 5]);
    }
  });

  it('replaces expired events by gaps also where nothing moves log time on', async () => {
    const w = world();
    const stream = await w.openStream();
    w.publish('a', 1);
    w.publish('a', 2, { expiresAt: T0 + 60_000 });
    await w.settled(stream);
    const { sink: early } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => early.of('live').length === 1);
    expect(early.seqs()).toEqual([1, 2]);
    w.now = T0 + 60_000;
    const cursor = early.of('event')[0]?.cursor as string;
    const { sink, subscription } = await joinRoom(stream, 'a', { kind: 'after', cursor });
    await until(() => sink.of('live').length === 1);
    expect(subscription.recovered).toBe(false);
    expect(sink.of('gap')).toMatchObject([{ from: 2, to: 2, reason: 'expired' }]);
    expect(sink.seqs()).toEqual([]);
    // A clock that is ahead takes nothing new from those who are live.
    w.publish('a', 3, { expiresAt: T0 + 30_000 });
    await until(() => early.seqs().length === 3);
  });
});
