import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, RoomId } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import type { SequencedEvent } from '../../core/log/record.ts';
import { createCodec } from '../../schemas/codec.ts';
import { TOPIC } from './test-sequencer.fixture.ts';
import { TestSink } from './test-sink.fixture.ts';
import { joinRoom, until } from './world.fixture.ts';
import { ownWorlds, seqs } from './worlds.fixture.ts';

const world = ownWorlds();

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
