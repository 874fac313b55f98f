import { describe, expect, it } from 'vitest';
import type { Offset, RoomId } from '../../core/ids.ts';
import { TOPIC } from './test-sequencer.fixture.ts';
import { TestSink } from './test-sink.fixture.ts';
import { joinRoom, until } from './world.fixture.ts';
import { ownWorlds } from './worlds.fixture.ts';

const world = ownWorlds();

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
