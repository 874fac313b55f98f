import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import type { RoomId } from '../../core/ids.ts';
import { takeSnapshot, trim } from './snapshot.fixture.ts';
import { T0 } from './test-sequencer.fixture.ts';
import { joinRoom, until, type World } from './world.fixture.ts';
import { caughtUp, ownWorlds, p0, seqs } from './worlds.fixture.ts';

const world = ownWorlds();
const one = (w: World) => w.of('a');

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
    await until(() => sink.of('live').length === 1);
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
    // Room for eleven empty events: a few of these.
    const w = world({ gateway: { ringBytes: 4_500 } });
    w.publishMany('a', 60);
    await takeSnapshot(w, one(w));
    w.publishMany('a', 40);
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'last', count: 9 });
    await caughtUp(sink);
    expect(sink.seqs()).toEqual(seqs(92, 100));
    expect(await w.metric('roomlog_history_bytes_read_total')).toBe(0);
    expect(await w.metric('roomlog_ring_bytes')).toBeLessThanOrEqual(4_500);
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
