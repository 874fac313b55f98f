import { Buffer } from 'node:buffer';
import { describe, expect, it, vi } from 'vitest';
import type { Epoch, Offset, RoomId } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import { createCodec } from '../../schemas/codec.ts';
import { SCHEMAS } from '../../schemas/schemas.ts';
import { codec, ORIGIN_TAG, TOPIC } from './test-sequencer.fixture.ts';
import { TestSink } from './test-sink.fixture.ts';
import { joinRoom, until } from './world.fixture.ts';
import { ownWorlds } from './worlds.fixture.ts';

const world = ownWorlds();

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

  it('keeps nothing that was read of a partition for those who catch up when it is read again', async () => {
    const w = world({ gateway: { ringBytes: 1 } });
    w.publishMany('a', 20);
    const stream = await w.openStream();
    const catchUp = async (): Promise<number> => {
      const { sink } = await joinRoom(stream, 'a', { kind: 'start' });
      await until(() => sink.of('live').length === 1);
      return await w.metric('roomlog_history_bytes_read_total');
    };
    const once = await catchUp();
    expect(await catchUp()).toBe(once);
    const outbound = w.log.cluster.partition(TOPIC, 0 as never);
    const at = outbound.at.bind(outbound);
    const hidden = w.publish('a', 'hidden').offset;
    let isHidden = true;
    outbound.at = (offset) => {
      if (offset === 0) isHidden = false;
      return offset === hidden && isHidden ? null : at(offset);
    };
    w.publish('a', 'seen');
    await until(() => !isHidden && stream.stats().lagRecords === 0);
    expect(await catchUp()).toBeGreaterThan(2 * once);
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
