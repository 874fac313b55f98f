/** What a sequencer has to tell an operator, each provoked. */
import { afterEach, expect, test } from 'vitest';
import { lookAtTopics } from '../../adapters/kafka/topic-watch.ts';
import { Alarms } from '../../core/alarms.ts';
import type { Partition } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';
import { LOOK_EVERY_MS } from './continuity-watch.ts';
import type { Sequencer } from './sequencer.ts';

const p0 = 0 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

const DAY_MS = 86_400_000;

function alarmsOf(stream: MemoryStream): Alarms {
  return new Alarms({ logger: silentLog, clock: stream.cluster.clock });
}

const raised = (alarms: Alarms) => alarms.raised().map(({ alarm, partition }) => `${alarm} ${partition}`);
const halted = (sequencer: Sequencer) => until(() => expect(sequencer.report().partitions[0]?.state).toBe('halted'));

test('epoch_ahead: a record of an epoch above the newest claim', async () => {
  const stream = new MemoryStream();
  const alarms = alarmsOf(stream);
  const a = await running.start(stream, 'a', { alarms });
  await ready(a);
  const [claim] = stream.judge(p0).claims;
  const ahead = { ...claim, claim: null, epoch: 999, inbound: 0, inboundTime: 1 } as unknown as OutboundRecord;
  stream.cluster.write(stream.topics.outbound, p0, { value: stream.codec.encodeOutbound(ahead) });
  await halted(a);
  expect(raised(alarms)).toEqual(['epoch_ahead 0']);
  // Not its partition any more: the next owner looks for itself.
  await a.stop();
  expect(raised(alarms)).toEqual([]);
});

test('stream_id: a partition of another stream', async () => {
  const stream = new MemoryStream({ partitions: 2 });
  await ready(await running.start(stream, 'a'));
  await running.stopAll();
  const [claim] = stream.judge(1 as Partition).claims;
  const foreign = { ...claim, claim: { ...claim?.claim, streamId: 'another' } } as OutboundRecord;
  const outbound = stream.cluster.partition(stream.topics.outbound, 1 as Partition);
  outbound.slots.splice(0);
  stream.cluster.write(stream.topics.outbound, 1 as Partition, { value: stream.codec.encodeOutbound(foreign) });
  const alarms = alarmsOf(stream);
  await running.start(stream, 'b', { alarms });
  await until(() => expect(raised(alarms)).toEqual(['stream_id 1']));
});

test('partition_count: claims, or topics, of another P', async () => {
  const stream = new MemoryStream({ partitions: 2 });
  await ready(await running.start(stream, 'a'));
  await running.stopAll();
  const alarms = alarmsOf(stream);
  await running.start(stream, 'b', { partitions: 3, alarms });
  await until(() => expect(raised(alarms).sort()).toEqual(['partition_count 0', 'partition_count 1']));

  const looked = alarmsOf(stream);
  const watch = { log: stream.cluster.open('watch'), topics: stream.topics, partitions: 2, alarms: looked };
  await lookAtTopics(watch);
  expect(raised(looked)).toEqual([]);
  stream.cluster.createTopic(stream.topics.inbound, 4);
  await lookAtTopics(watch);
  expect(raised(looked)).toEqual(['partition_count null']);
  expect(looked.raised()[0]?.found).toContain('has 4 partitions');
  stream.cluster.unreachable = true;
  await lookAtTopics(watch);
  expect(raised(looked)).toEqual(['partition_count null']);
  stream.cluster.unreachable = false;
  stream.cluster.createTopic(stream.topics.inbound, 2);
  await lookAtTopics(watch);
  expect(raised(looked)).toEqual([]);
});

test('outbound_truncated: outbound ends below what was read; the partition halts, and does not read the rest again', async () => {
  const stream = new MemoryStream();
  const alarms = alarmsOf(stream);
  const a = await running.start(stream, 'a', { alarms });
  for (let n = 0; n < 20; n++) stream.publish(inboundEvent());
  await sound(stream);
  const outbound = stream.cluster.partition(stream.topics.outbound, p0);
  outbound.slots.splice(8);
  for (const listener of outbound.listeners) listener();
  await halted(a);
  expect(raised(alarms)).toEqual(['outbound_truncated 0']);
  expect(a.report().partitions[0]?.error?.message).toContain('ends at 8');
  expect(outbound.end).toBe(8);
});

test('inbound_recreated: another inbound under a running sequencer that is at least as long as the one before', async () => {
  let jumpedMs = 0;
  const clock = { now: () => Date.now(), monotonic: () => performance.now() + jumpedMs };
  const stream = new MemoryStream({ clock });
  const alarms = alarmsOf(stream);
  const a = await running.start(stream, 'a', { alarms });
  await ready(a);
  for (let n = 0; n < 10; n++) stream.publish(inboundEvent());
  await sound(stream);
  const lookAgain = async () => {
    jumpedMs += LOOK_EVERY_MS;
    await new Promise((resolve) => setTimeout(resolve, 200));
  };
  await lookAgain();
  await lookAgain();
  expect(raised(alarms)).toEqual([]);
  stream.cluster.createTopic(stream.topics.inbound, 1);
  for (let n = 0; n < 30; n++) stream.publish(inboundEvent());
  await lookAgain();
  await until(() => expect(raised(alarms)).toEqual(['inbound_recreated 0']));
  await a.stop();
  expect(raised(alarms)).toEqual([]);
});

test('snapshot_ahead: a snapshot of records that outbound does not hold, until a newer one is written', async () => {
  const stream = new MemoryStream({ sequencer: { snapshotEveryRecords: 5 } });
  const a = await running.start(stream, 'a');
  for (let n = 0; n < 20; n++) stream.publish(inboundEvent());
  await sound(stream);
  await until(() => expect(stream.cluster.records(stream.topics.snapshots, p0)).not.toEqual([]));
  await a.stop();
  stream.cluster.partition(stream.topics.outbound, p0).slots.splice(4);
  const logged: string[] = [];
  const alarms = new Alarms({
    logger: silentLog,
    clock: stream.cluster.clock,
    onRaised: (alarm) => logged.push(alarm),
  });
  const b = await running.start(stream, 'b', { alarms });
  await until(() => expect(logged).toContain('snapshot_ahead'));
  await until(() => expect(b.report().partitions[0]?.snapshot).not.toBeNull());
  await until(() => expect(raised(alarms)).toEqual([]));
  expect(b.report().partitions[0]?.state).toBe('processing');
});

test('clock_ahead: a broker’s clock a day ahead, which makes every new session unknown, until it is set right', async () => {
  const real = Date.now();
  let brokerAheadMs = 25 * 3_600_000;
  const clock = { now: () => real + brokerAheadMs, monotonic: () => performance.now() };
  const stream = new MemoryStream({ clock });
  const ownClock = { now: () => real, monotonic: () => performance.now() };
  const alarms = new Alarms({ logger: silentLog, clock: ownClock });
  const a = await running.start(stream, 'a', { alarms, clock: ownClock });
  stream.publish(inboundEvent({ session: session(real), pub: 1 }));
  await sound(stream);
  expect(stream.judge(p0).accepted[0]?.answer?.code).toBe('session_unknown');
  expect(raised(alarms)).toEqual(['clock_ahead 0']);
  expect(alarms.raised()[0]?.found).toContain('1500 minutes ahead');
  brokerAheadMs = 0;
  stream.publish(inboundEvent({ session: session(real), pub: 1 }));
  await sound(stream);
  expect(raised(alarms)).toEqual([]);
  // Log time stays where it was: sessions count again once it is reached.
  expect(stream.judge(p0).accepted[1]?.answer?.code).toBe('session_unknown');
  brokerAheadMs = 2 * DAY_MS;
  stream.publish(inboundEvent({ session: session(real + brokerAheadMs), pub: 1 }));
  await until(() => expect(stream.judge(p0).events).toHaveLength(1));
  expect(raised(alarms)).toEqual(['clock_ahead 0']);
  await a.stop();
  expect(raised(alarms)).toEqual([]);
});
