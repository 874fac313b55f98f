/** What a gateway that follows outbound has to tell an operator, each provoked. */
import { afterEach, describe, expect, it } from 'vitest';
import { canaryEvent, canaryRooms } from '../../core/canary.ts';
import type { Epoch, Partition, RoomId } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { RoomStream } from '../stream.ts';
import { takeSnapshot } from './snapshot.fixture.ts';
import { codec, TOPIC } from './test-sequencer.fixture.ts';
import { joinRoom, until, World } from './world.fixture.ts';

const p0 = 0 as Partition;
const p1 = 1 as Partition;
const worlds: World[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});
const world = (partitions = 2): World => {
  const made = new World({ partitions });
  worlds.push(made);
  return made;
};
const ROOMS = ['a', 'b', 'c', 'd', 'e', 'f'];
const roomIn = (w: World, partition: Partition): RoomId =>
  ROOMS.find((room) => w.of(room).partition === partition) as RoomId;
const alarms = (w: World) => w.alarms.raised().map(({ alarm, partition }) => ({ alarm, partition }));

describe('an alarm is raised, and only that partition stops', () => {
  const expectAlarm = async (w: World, stream: RoomStream, alarm: string): Promise<void> => {
    await until(() => w.alarms.raised().length > 0);
    expect(alarms(w)).toEqual([{ alarm, partition: 1 }]);
    expect(stream.partitionAvailable(roomIn(w, p1))).toBe(false);
    expect(stream.partitionAvailable(roomIn(w, 0 as Partition))).toBe(true);
    expect(stream.ready).toBe(true);
  };

  it('for a record of an epoch above the newest claim', async () => {
    const w = world();
    const stream = await w.openStream();
    const { record } = w.publish(roomIn(w, p1), 1);
    w.of(roomIn(w, p1)).append({ ...record, epoch: 99 as Epoch });
    await expectAlarm(w, stream, 'epoch_ahead');
  });

  it('for a claim of another stream', async () => {
    const w = world();
    const stream = await w.openStream();
    w.of(roomIn(w, p1)).append(claimOf(w, { streamId: 'ffff' }));
    await expectAlarm(w, stream, 'stream_id');
  });

  it('for an outbound that ends below what was read from it', async () => {
    const w = world();
    const stream = await w.openStream();
    const room = roomIn(w, p1);
    const { sink } = await joinRoom(stream, room, { kind: 'live' });
    w.publishMany(room, 20);
    await until(() => sink.seqs().length === 20);
    const outbound = w.log.cluster.partition(TOPIC, p1);
    outbound.slots.splice(5);
    for (const listener of outbound.listeners) listener();
    await expectAlarm(w, stream, 'outbound_truncated');
  });
});

it('raises the alarm for claims of another P also where the gateway does not start', async () => {
  const w = world();
  w.log.cluster.createTopic(TOPIC, 2);
  for (const number of [0, 1]) {
    const value = codec.encodeOutbound(claimOf(w, { partitions: 4 }));
    w.log.cluster.write(TOPIC, number as Partition, { value });
  }
  await expect(w.createStream().start()).rejects.toMatchObject({ code: 'partition_mismatch' });
  expect(alarms(w)).toContainEqual({ alarm: 'partition_count', partition: 0 });
});

it('refuses publishes to a partition whose canaries stay away, stays ready, and takes them again with the next one', async () => {
  const w = world();
  const intervalMs = 300;
  const stream = await w.openStream();
  const room = roomIn(w, p1);
  const sequencer = w.of(room);
  sequencer.claim(undefined, undefined, intervalMs);
  const canary = () =>
    sequencer.sequence(canaryEvent(canaryRooms(2)[1] as RoomId, { sentAtMs: Date.now(), intervalMs }));
  canary();
  await w.settled(stream);
  expect(stream.partitionAvailable(room)).toBe(true);
  await until(() => !stream.partitionAvailable(room));
  expect(stream.stats().failingPartitions).toEqual([1]);
  expect(alarms(w)).toEqual([{ alarm: 'canary_missing', partition: 1 }]);
  expect(stream.ready).toBe(true);
  expect(stream.partitionAvailable(roomIn(w, 0 as Partition))).toBe(true);
  canary();
  await until(() => stream.partitionAvailable(room));
  expect(alarms(w)).toEqual([]);
  // Canaries are nobody's events and nobody's outcome.
  expect(w.answered).toEqual([]);
  expect(w.published).toEqual([]);
  const { sink } = await joinRoom(stream, canaryRooms(2)[1] as string, { kind: 'start' });
  await until(() => sink.of('live').length === 1);
  expect(sink.seqs()).toEqual([]);
});

it('ends the alarm for a snapshot ahead of the log when the newest one is believed', async () => {
  const w = world(1);
  w.publishMany('a', 30);
  await takeSnapshot(w, w.of('a'));
  const lost = w.log.cluster.partition(TOPIC, p0).slots.splice(10);
  await w.openStream();
  expect(alarms(w)).toEqual([{ alarm: 'snapshot_ahead', partition: 0 }]);
  w.log.cluster.partition(TOPIC, p0).slots.push(...lost);
  await w.openStream();
  expect(alarms(w)).toEqual([]);
});

function claimOf(w: World, fields: Partial<NonNullable<OutboundRecord['claim']>>): OutboundRecord {
  const [first] = w.sequencers[1]?.written ?? [];
  const claim = { ...(first as OutboundRecord).claim, nonce: Buffer.alloc(16, 9), ...fields };
  return { ...(first as OutboundRecord), claim } as OutboundRecord;
}
