import { Buffer } from 'node:buffer';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Epoch, Offset, RoomId } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import type { OutboundRecord, SequencedEvent } from '../../core/log/record.ts';
import { createCodec } from '../../schemas/codec.ts';
import { SCHEMAS } from '../../schemas/schemas.ts';
import { codec, joinRoom, ORIGIN_TAG, T0, TestSink, TOPIC, until, World, type WorldOptions } from './world.fixture.ts';

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

describe('the live path', () => {
  it('delivers events as they come, after live', async () => {
    const w = world();
    w.publish('lobby', 'before');
    const stream = await w.openStream();
    const { sink, subscription } = await joinRoom(stream, 'lobby', { kind: 'live' });
    expect(subscription).toMatchObject({ seq: 1, recovered: false });
    w.publish('lobby', { text: 'hello' });
    w.publish('lobby', { text: 'again' });
    await until(() => sink.seqs().length === 2);
    expect(sink.frames.map((frame) => frame.type)).toEqual(['live', 'event', 'event']);
    expect(sink.frames[0]).toEqual({ type: 'live', room: 'lobby', seq: 1, cursor: subscription.cursor });
    expect(sink.frames[1]).toMatchObject({
      room: 'lobby',
      seq: 2,
      user: 'alice',
      event: 'said',
      data: { text: 'hello' },
    });
  });

  it('survives listeners and sinks that throw', async () => {
    const w = world();
    const stream = await w.openStream();
    const broken = new TestSink();
    const { sink } = await joinRoom(stream, 'lobby', { kind: 'live' });
    await joinRoom(stream, 'lobby', { kind: 'live' }, broken);
    broken.sendFramed = () => {
      throw new Error('broken');
    };
    w.published.push = () => {
      throw new Error('broken');
    };
    w.publish('lobby', 1, { origin: Buffer.concat([ORIGIN_TAG, Buffer.alloc(8)]) });
    await until(() => sink.seqs().length === 1);
    expect(broken.closeCode).toBe(1013);
    expect(stream.ready).toBe(true);
  });

  it('gives each member one write for all events of a window', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink: first } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const { sink: second } = await joinRoom(stream, 'lobby', { kind: 'live' });
    w.publishMany('lobby', 20);
    await until(() => first.seqs().length === 20 && second.seqs().length === 20);
    expect(first.writes).toBe(2);
    expect(second.writes).toBe(2);
  });

  it('joins events in batch frames for those who asked', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'lobby', { kind: 'live' }, new TestSink(true));
    w.publishMany('lobby', 20);
    await until(() => sink.seqs().length === 20);
    expect(sink.frames.map((frame) => frame.type)).toEqual(['live', 'batch']);
    w.publish('lobby', 'single');
    await until(() => sink.seqs().length === 21);
    expect(sink.frames.at(-1)?.type).toBe('event');
  });

  it('drops what zombies wrote and what was written twice', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const sequencer = w.of('lobby');
    const { record: first } = w.publish('lobby', 1);
    sequencer.append(first);
    sequencer.claim();
    sequencer.append({ ...first, inbound: 1 as Offset, prevInbound: 0 as Offset });
    w.publish('lobby', 2);
    await until(() => sink.seqs().length === 2);
    await w.settled(stream);
    expect(sink.of('event').map((event) => event.data)).toEqual([1, 2]);
    expect(stream.stats().staleRecords).toBe(2);
    expect(await w.metric('roomlog_outbound_records_total')).toBe(stream.stats().foldedRecords);
  });

  it('tells a publisher of this gateway, and no other, what became of its publish', async () => {
    const w = world();
    const stream = await w.openStream();
    const ours = Buffer.concat([ORIGIN_TAG, Buffer.alloc(8, 1)]);
    w.publish('lobby', 1, { origin: ours, key: 'k' });
    w.publish('lobby', 2, { origin: Buffer.alloc(16, 9) });
    w.publish('lobby', 3);
    w.publish('lobby', 1, { origin: ours, key: 'k' });
    await w.settled(stream);
    expect(w.published.map(({ seq }) => seq)).toEqual([1]);
    expect(w.answered).toMatchObject([{ code: 'duplicate', seq: 1, cursor: w.published[0]?.cursor }]);
  });

  it('sends nothing after cancel, and counts members', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink, subscription } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const { sink: other } = await joinRoom(stream, 'lobby', { kind: 'live' });
    expect(stream.memberCount('lobby' as RoomId)).toBe(2);
    expect(stream.stats()).toMatchObject({ rooms: 1, members: 2 });
    subscription.cancel();
    subscription.cancel();
    w.publish('lobby', 1);
    await until(() => other.seqs().length === 1);
    expect(sink.seqs()).toEqual([]);
    expect(stream.memberCount('lobby' as RoomId)).toBe(1);
  });

  it('broadcasts frames that are not in the log to live members but one', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink: sender } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const { sink: other } = await joinRoom(stream, 'lobby', { kind: 'live' });
    stream.broadcast('lobby' as RoomId, () => Buffer.from('{"type":"presence"}'), sender);
    expect(other.of('presence')).toHaveLength(1);
    expect(sender.of('presence')).toHaveLength(0);
  });

  it('keeps no broadcast frames for a member that does not read', async () => {
    const w = world({ gateway: { slowClientBytes: 4_000 } });
    const stream = await w.openStream();
    const { sink: stalled } = await joinRoom(stream, 'lobby', { kind: 'live' });
    const { sink: quick } = await joinRoom(stream, 'lobby', { kind: 'live' });
    // On a busy machine the turn's share may be used up before they are live.
    await until(() => [stalled, quick].every((sink) => sink.of('live').length === 1));
    stalled.stalled = true;
    const frame = Buffer.from(`{"type":"event","data":"${'x'.repeat(1_000)}"}`);
    for (let count = 0; count < 100; count += 1) stream.broadcast('lobby' as RoomId, () => frame);
    expect(quick.of('event')).toHaveLength(100);
    expect(stalled.bufferedBytes()).toBeLessThan(4_000 + 2 * frame.length);
    stalled.flow();
    stream.broadcast('lobby' as RoomId, () => frame);
    expect(stalled.of('event').length).toBeGreaterThan(4);
    expect(stalled.closed).toBe(false);
  });
});

describe('resuming', () => {
  it('gives every event once and in order from every cursor there is, from ring and log alike', async () => {
    for (const ringBytes of [1, 3_000, 1_000_000]) {
      const w = world({ anchors: { everyRecords: 3 }, gateway: { ringBytes } });
      for (let round = 0; round < 12; round += 1) {
        w.publish('a', round);
        if (round % 3 === 0) w.publish('b', round);
        if (round % 5 === 4) w.of('a').claim();
      }
      const stream = await w.openStream();
      const { sink: all } = await joinRoom(stream, 'a', { kind: 'start' });
      await until(() => all.of('live').length === 1);
      expect(all.seqs()).toEqual(seqs(1, 12));
      for (const event of all.of('event')) {
        const { sink, subscription } = await joinRoom(stream, 'a', { kind: 'after', cursor: event.cursor as string });
        expect(subscription.recovered).toBe(true);
        await until(() => sink.of('live').length === 1);
        expect(sink.seqs()).toEqual(seqs((event.seq as number) + 1, 12));
        expect(sink.of('live')[0]).toMatchObject({ seq: 12, cursor: subscription.cursor });
      }
    }
  });

  it('resumes on another gateway from a cursor of the first', async () => {
    const w = world({ partitions: 4 });
    const first = await w.openStream();
    const { sink } = await joinRoom(first, 'lobby', { kind: 'live' });
    w.publishMany('lobby', 3);
    await until(() => sink.seqs().length === 3);
    const second = await w.openStream();
    w.publishMany('lobby', 2);
    const cursor = sink.of('event')[1]?.cursor as string;
    const { sink: resumed, subscription } = await joinRoom(second, 'lobby', { kind: 'after', cursor });
    expect(subscription.recovered).toBe(true);
    await until(() => resumed.seqs().length === 3);
    expect(resumed.seqs()).toEqual([3, 4, 5]);
  });

  it('resumes from the cursor of an empty room', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink, subscription } = await joinRoom(stream, 'quiet', { kind: 'live' });
    expect(subscription.seq).toBe(0);
    const cursor = sink.of('live')[0]?.cursor as string;
    w.publish('other', 1);
    w.publishMany('quiet', 2);
    w.of('quiet').claim();
    await w.settled(stream);
    const { sink: resumed, subscription: again } = await joinRoom(stream, 'quiet', { kind: 'after', cursor });
    expect(again.recovered).toBe(true);
    expect(resumed.seqs()).toEqual([1, 2]);
  });

  it('refuses cursors of other rooms, other streams, other offsets and garbage', async () => {
    for (const ringBytes of [1, 1_000_000]) {
      const w = world({ anchors: { everyRecords: 2 }, gateway: { ringBytes } });
      w.publishMany('a', 4);
      w.publishMany('b', 4);
      const stream = await w.openStream();
      const { sink: a } = await joinRoom(stream, 'a', { kind: 'start' });
      const { sink: b } = await joinRoom(stream, 'b', { kind: 'start' });
      await until(() => a.of('live').length + b.of('live').length === 2);
      const offsetOf = (sequence: number): Offset => (2 + sequence - 1) as Offset;
      const make = (offset: number, seq: number, streamId = w.streamId): string =>
        encodeCursor(streamId, 'a' as RoomId, { offset: offset as Offset, seq: seq as never });
      const forged = [
        'x',
        '',
        make(offsetOf(2), 2, 'another stream'),
        ...b.of('event').map((event) => event.cursor as string),
        make(offsetOf(2), 3),
        make(offsetOf(3), 2),
        make(offsetOf(4), 5),
        make(offsetOf(5), 4),
        make(0, 1),
        make(offsetOf(2), 0),
        make(-1, 1),
      ];
      for (const cursor of forged) {
        await expect(
          stream.subscribe('a' as RoomId, { kind: 'after', cursor }, new TestSink()),
          cursor,
        ).rejects.toMatchObject({ code: 'cursor_invalid' });
      }
      expect(stream.memberCount('a' as RoomId)).toBe(1);
    }
  });

  it('waits for a cursor that is ahead of this gateway, and refuses one behind the end of the log', async () => {
    const w = world();
    const stream = await w.openStream();
    const cursor = encodeCursor(w.streamId, 'lobby' as RoomId, { offset: 3 as Offset, seq: 2 as never });
    const ahead = joinRoom(stream, 'lobby', { kind: 'after', cursor });
    w.publishMany('lobby', 3);
    const { sink } = await ahead;
    expect(sink.seqs()).toEqual([3]);
    const far = encodeCursor(w.streamId, 'lobby' as RoomId, { offset: 99 as Offset, seq: 9 as never });
    await expect(
      stream.subscribe('lobby' as RoomId, { kind: 'after', cursor: far }, new TestSink()),
    ).rejects.toMatchObject({ code: 'cursor_invalid' });
  });

  it('does not call a cursor invalid that is only ahead of this gateway', async () => {
    const registry = Promise.withResolvers<string>();
    const waiting = { known: () => undefined, load: () => registry.promise };
    const w = world({
      codec: createCodec({ inboundId: 1, outboundId: 2, deadLetterId: 3, snapshotId: 4, store: waiting }),
    });
    const stream = await w.openStream();
    w.publish('lobby', 1);
    const { slots } = w.log.cluster.partition(TOPIC, 0 as never);
    const last = slots.at(-1) as NonNullable<(typeof slots)[number]>;
    const held = Buffer.from(last.value as Buffer);
    held.writeUInt32BE(99, 1);
    slots[slots.length - 1] = { ...last, value: held };
    const cursor = encodeCursor(w.streamId, 'lobby' as RoomId, { offset: last.offset, seq: 1 as never });
    await expect(stream.subscribe('lobby' as RoomId, { kind: 'after', cursor }, new TestSink())).rejects.toMatchObject({
      code: 'unavailable',
      details: { retryAfter: 1_000 },
    });
    registry.reject(new RoomlogError('schema_not_found'));
    await stream.stop();
  });

  it('never hands out what a zombie wrote, nor takes a cursor of it', async () => {
    for (const ringBytes of [1, 1_000_000]) {
      const w = world({ anchors: { everyRecords: 4 }, gateway: { ringBytes } });
      const { record } = w.publish('a', 'one');
      const oldEpoch = record.epoch;
      w.of('a').claim();
      const { inbound, inboundTime } = record;
      const event = { ...record.event, seq: 2, data: Buffer.from('"forged"') } as unknown as SequencedEvent;
      const after = { inbound: (inbound + 1) as Offset, prevInbound: inbound, inboundTime };
      const zombie = w.of('a').append({ ...record, ...after, epoch: oldEpoch, event });
      const two = w.publish('a', 'two').record;
      const repeat = w.of('a').append({ ...two, event });
      w.publish('a', 'three');
      const stream = await w.openStream();
      const { sink } = await joinRoom(stream, 'a', { kind: 'start' });
      await until(() => sink.of('live').length === 1);
      expect(sink.of('event').map((one) => one.data)).toEqual(['one', 'two', 'three']);
      for (const offset of [zombie, repeat]) {
        const cursor = encodeCursor(w.streamId, 'a' as RoomId, { offset, seq: 2 as never });
        await expect(stream.subscribe('a' as RoomId, { kind: 'after', cursor }, new TestSink())).rejects.toMatchObject({
          code: 'cursor_invalid',
        });
      }
    }
  });

  it('starts with the newest N, however they have to be found', async () => {
    for (const ringBytes of [1, 2_000, 1_000_000]) {
      const w = world({ anchors: { everyRecords: 2 }, gateway: { ringBytes } });
      for (let index = 1; index <= 9; index += 1) {
        w.publish('a', index);
        w.publishMany('b', 2);
      }
      const stream = await w.openStream();
      for (const count of [1, 2, 5, 9, 50]) {
        const { sink } = await joinRoom(stream, 'a', { kind: 'last', count });
        await until(() => sink.of('live').length === 1);
        expect(sink.seqs()).toEqual(seqs(Math.max(1, 10 - count), 9));
        expect(sink.of('gap')).toEqual([]);
      }
    }
  });

  it('starts with the first event since a time', async () => {
    for (const ringBytes of [1, 2_000, 1_000_000]) {
      const w = world({ anchors: { everyRecords: 2 }, gateway: { ringBytes } });
      for (let index = 1; index <= 9; index += 1) {
        w.publish('a', index);
        w.publish('b', index);
      }
      const stream = await w.openStream();
      const { sink: all } = await joinRoom(stream, 'a', { kind: 'start' });
      await until(() => all.of('live').length === 1);
      const times = all.of('event').map((event) => event.time as number);
      for (const timeMs of [0, ...times, (times.at(-1) as number) + 1, Number.MAX_SAFE_INTEGER]) {
        const { sink } = await joinRoom(stream, 'a', { kind: 'since', timeMs });
        await until(() => sink.of('live').length === 1);
        expect(sink.of('event').map((event) => event.time)).toEqual(times.filter((time) => time >= timeMs));
        expect(sink.of('gap')).toEqual([]);
      }
    }
  });
});

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

describe('faults of the log', () => {
  it('reads a partition again and goes on where the reader had missed a record', async () => {
    const w = world();
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    w.publishMany('a', 3, { origin: Buffer.concat([ORIGIN_TAG, Buffer.alloc(8)]) });
    await until(() => sink.seqs().length === 3);
    // A broker that hides a record until it is read from the start again, as after an unclean election.
    const outbound = w.log.cluster.partition(TOPIC, 0 as never);
    const at = outbound.at.bind(outbound);
    const hiddenOffset = w.publish('a', 4).offset;
    let isHidden = true;
    outbound.at = (offset) => {
      if (offset === 0) isHidden = false;
      return offset === hiddenOffset && isHidden ? null : at(offset);
    };
    w.publish('a', 5);
    await until(() => sink.seqs().length === 5);
    expect(sink.seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(stream.ready).toBe(true);
    expect(stream.partitionAvailable('a' as RoomId)).toBe(true);
    expect(isHidden).toBe(false);
    expect(w.published.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    const { sink: again } = await joinRoom(stream, 'a', { kind: 'start' });
    await until(() => again.of('live').length === 1);
    expect(again.seqs()).toEqual([1, 2, 3, 4, 5]);
    expect(await w.metric('roomlog_history_bytes_read_total')).toBe(0);
  });

  it('halts only that partition when the fault is really there', async () => {
    const w = world({ partitions: 2 });
    const stream = await w.openStream();
    const rooms = ['a', 'b', 'c', 'd', 'e', 'f'];
    const bad = rooms.find((room) => w.of(room).partition === 0) as string;
    const good = rooms.find((room) => w.of(room).partition === 1) as string;
    const { sink } = await joinRoom(stream, good, { kind: 'live' });
    const { record } = w.publish(bad, 1);
    w.of(bad).append({ ...record, epoch: 99 as Epoch });
    await vi.waitFor(async () => expect(await w.metric('roomlog_partitions_halted')).toBe(1));
    expect(stream.partitionAvailable(bad as RoomId)).toBe(false);
    // It has halted at every gateway alike: no reason to send the clients of other rooms away.
    expect(stream.ready).toBe(true);
    expect(stream.partitionAvailable(good as RoomId)).toBe(true);
    w.publish(good, 1);
    await until(() => sink.seqs().length === 1);
    await expect(stream.subscribe(bad as RoomId, { kind: 'live' }, new TestSink())).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  it('does not start over a log that contradicts itself, is another stream, or has other partitions', async () => {
    const contradicting = world();
    const { record } = contradicting.publish('a', 1);
    contradicting.of('a').append({ ...record, prevInbound: 7 as Offset, inbound: 8 as Offset });
    await expect(contradicting.createStream().start()).rejects.toMatchObject({ code: 'fold_halted' });

    const corrupt = world();
    corrupt.log.cluster.write(TOPIC, 0 as never, { value: Buffer.from('0000000002ffff', 'hex') });
    await expect(corrupt.createStream().start()).rejects.toMatchObject({ code: 'corrupt_record' });

    const foreign = world({ partitions: 2 });
    foreign.log.cluster.write(TOPIC, 1 as never, {
      value: codec.encodeOutbound({
        ...(foreign.sequencers[1]?.written[0] as never as Parameters<typeof codec.encodeOutbound>[0]),
        claim: { nonce: Buffer.alloc(16), streamId: 'ffff', foldVersion: 1, partitions: 2 },
      }),
    });
    await expect(foreign.createStream().start()).rejects.toMatchObject({ code: 'stream_mismatch' });

    const repartitioned = world({ partitions: 2 });
    const [claim] = repartitioned.sequencers[1]?.written ?? [];
    repartitioned.log.cluster.createTopic(TOPIC, 2);
    repartitioned.log.cluster.write(TOPIC, 0 as never, {
      value: codec.encodeOutbound({
        ...(claim as OutboundRecord),
        claim: { nonce: Buffer.alloc(16), streamId: '', foldVersion: 1, partitions: 4 },
      }),
    });
    await expect(repartitioned.createStream().start()).rejects.toMatchObject({ code: 'partition_mismatch' });

    const w = world({ partitions: 2 });
    (w as { partitions: number }).partitions = 3;
    await expect(w.createStream().start()).rejects.toMatchObject({ code: 'partition_mismatch' });
  });

  it('looks a new schema up before it goes on, in order', async () => {
    const newer = JSON.parse(SCHEMAS.outbound);
    newer.fields.push({ name: 'added', type: ['null', 'string'], default: null });
    let loads = 0;
    const known = new Map<number, string>();
    const slowStore = {
      known: (id: number) => known.get(id),
      load: async (id: number) => {
        loads += 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
        known.set(id, JSON.stringify(newer));
        return JSON.stringify(newer);
      },
    };
    const w = world({
      codec: createCodec({ inboundId: 1, outboundId: 2, deadLetterId: 3, snapshotId: 4, store: slowStore }),
    });
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    w.publish('a', 1);
    const { slots } = w.log.cluster.partition(TOPIC, 0 as never);
    w.publish('a', 2);
    const value = slots.at(-1)?.value as Buffer;
    const added = Buffer.concat([value, Buffer.from([0])]);
    added.writeUInt32BE(77, 1);
    slots[slots.length - 1] = { ...(slots.at(-1) as NonNullable<(typeof slots)[number]>), value: added };
    w.publish('a', 3);
    await until(() => sink.seqs().length === 3);
    expect(sink.seqs()).toEqual([1, 2, 3]);
    expect(loads).toBe(1);
  });
});

describe('starting', () => {
  it('is not ready before it has folded to the end', async () => {
    const w = world({ partitions: 2 });
    w.publishMany('a', 4_000);
    w.publishMany('b', 4_000);
    const stream = w.createStream();
    expect(stream.ready).toBe(false);
    await expect(stream.subscribe('a' as RoomId, { kind: 'live' }, new TestSink())).rejects.toMatchObject({
      code: 'unavailable',
    });
    await stream.start();
    expect(stream.ready).toBe(true);
    expect(stream.stats().foldedRecords).toBe(8_003);
  });

  it('waits for Kafka to be reached', async () => {
    const w = world();
    w.log.cluster.unreachable = true;
    const stream = w.createStream();
    const started = stream.start();
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.notReadyReason).toBe('folding outbound');
    w.log.cluster.unreachable = false;
    await started;
    expect(stream.ready).toBe(true);
    w.log.cluster.unreachable = true;
    await until(() => stream.notReadyReason === 'no answer from Kafka');
    expect(stream.partitionAvailable('a' as RoomId)).toBe(false);
    w.log.cluster.unreachable = false;
    await until(() => stream.ready);
  });

  it('starts at the first claim where the beginning has been deleted', async () => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('a', 5);
    w.publish('quiet', 1);
    w.of('a').claim();
    const [offset] = w.publishMany('a', 3);
    w.log.cluster.trim(TOPIC, 0 as never, ((offset as number) - 3) as Offset);
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'a', { kind: 'live' });
    expect(sink.of('live')).toMatchObject([{ seq: 8 }]);
    w.publish('a', 9);
    await until(() => sink.seqs().length === 1);
    expect(sink.seqs()).toEqual([9]);
  });

  it('says what members of a quiet room have missed once its head is known again', async () => {
    const w = world();
    w.publishMany('quiet', 5);
    w.of('quiet').claim();
    const [offset] = w.publishMany('other', 3);
    w.log.cluster.trim(TOPIC, 0 as never, ((offset as number) - 1) as Offset);
    const stream = await w.openStream();
    const { sink } = await joinRoom(stream, 'quiet', { kind: 'live' });
    expect(sink.of('live')).toMatchObject([{ seq: 0 }]);
    w.publish('quiet', 6);
    await until(() => sink.seqs().length === 1);
    w.publish('quiet', 7);
    await until(() => sink.seqs().length === 2);
    expect(sink.of('gap')).toMatchObject([{ from: 1, to: 5 }]);
    expect(sink.seqs()).toEqual([6, 7]);
    expect(sink.closed).toBe(false);
  });
});
