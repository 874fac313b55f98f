import { afterEach, expect, test } from 'vitest';
import { NO_EPOCH, NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';
import type { Sequencer } from './sequencer.ts';

const p0 = 0 as Partition;
const p1 = 1 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

const haltedWith = (sequencer: Sequencer, partition: Partition, code: string) =>
  until(() => {
    const report = sequencer.report().partitions.find((one) => one.partition === partition);
    expect(report).toMatchObject({ state: 'halted', error: { code } });
  });

function recorder(): LogSink & { readonly errors: string[] } {
  const errors: string[] = [];
  return {
    errors,
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: (fields, message) => void errors.push(`${message} ${JSON.stringify(fields)}`),
  };
}

async function sequencedOnce(stream: MemoryStream): Promise<void> {
  for (let n = 0; n < 40; n++) stream.publish(inboundEvent({ room: `room-${n}` }));
  const before = await running.start(stream, 'before');
  await sound(stream);
  await before.stop();
}

test('halts a partition whose inbound lost records to retention, loudly; the others go on', async () => {
  const stream = new MemoryStream({ partitions: 2 });
  await sequencedOnce(stream);
  const end = stream.cluster.partition(stream.topics.inbound, p0).range.end;
  for (let n = 0; n < 40; n++) stream.publish(inboundEvent({ room: `room-${n}` }));
  stream.cluster.trim(stream.topics.inbound, p0, (end + 3) as Offset);
  const logger = recorder();
  const a = await running.start(stream, 'a', { logger });
  await haltedWith(a, p0, 'input_lost');
  await until(() => expect(stream.anomalies(p1)).toEqual([]));
  expect(logger.errors.join()).toContain(`inbound records ${end} to ${end + 2} were deleted`);
  expect(a.notReady()).toContain('partition 0: halted');
});

test('halts when inbound is shorter than what outbound answered', async () => {
  const stream = new MemoryStream({ partitions: 2 });
  await sequencedOnce(stream);
  stream.cluster.createTopic(stream.topics.inbound, 2);
  const a = await running.start(stream, 'a');
  await haltedWith(a, p0, 'inbound_replaced');
}, 20_000);

test('halts when the last answered inbound record has another timestamp', async () => {
  const stream = new MemoryStream();
  await sequencedOnce(stream);
  stream.cluster.createTopic(stream.topics.inbound, 1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  for (let n = 0; n < 60; n++) stream.publish(inboundEvent({ room: `room-${n}` }));
  const a = await running.start(stream, 'a');
  await haltedWith(a, p0, 'inbound_replaced');
  expect(stream.judge(p0).accepted).toHaveLength(40);
});

test('goes on where retention took exactly what was answered', async () => {
  const stream = new MemoryStream();
  await sequencedOnce(stream);
  stream.cluster.trim(stream.topics.inbound, p0, 40 as Offset);
  stream.publish(inboundEvent());
  await ready(await running.start(stream, 'a'));
  await until(() => expect(stream.judge(p0).accepted).toHaveLength(41));
});

test('halts on a refused append without claiming again', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  const claims = stream.judge(p0).claims.length;
  stream.cluster.onAppend = () => 'refused';
  stream.publish(inboundEvent());
  await haltedWith(a, p0, 'kafka_refused');
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(stream.judge(p0).claims).toHaveLength(claims);
});

test('reads outbound once more on a contradiction, then halts that partition alone', async () => {
  const stream = new MemoryStream({ partitions: 2 });
  const logger = recorder();
  const a = await running.start(stream, 'a', { logger });
  await ready(a);
  const epochAhead: OutboundRecord = {
    epoch: 999 as never,
    inbound: 0 as Offset,
    prevInbound: NO_OFFSET,
    inboundTime: 1,
    claim: null,
    event: null,
    answer: null,
    skipped: null,
  };
  stream.cluster.write(stream.topics.outbound, p0, { value: stream.codec.encodeOutbound(epochAhead) });
  await haltedWith(a, p0, 'fold_halted');
  for (let n = 0; n < 40; n++) stream.publish(inboundEvent({ room: `room-${n}` }));
  await until(() => expect(stream.anomalies(p1)).toEqual([]));
  expect(logger.errors.filter((line) => line.startsWith('outbound can not be folded on'))).toHaveLength(2);
});

test('refuses garbage in outbound, which nobody but sequencers may write', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  stream.cluster.write(stream.topics.outbound, p0, { value: Buffer.from('garbage') });
  await haltedWith(a, p0, 'corrupt_record');
});

test('looks again when an operator’s command claims the partition', async () => {
  const stream = new MemoryStream();
  await sequencedOnce(stream);
  stream.publish(inboundEvent());
  stream.publish(inboundEvent());
  stream.cluster.trim(stream.topics.inbound, p0, 41 as Offset);
  const a = await running.start(stream, 'a');
  await haltedWith(a, p0, 'input_lost');
  const claim = stream.judge(p0).claims.at(-1);
  const header = { epoch: NO_EPOCH, inbound: NO_OFFSET, prevInbound: NO_OFFSET, inboundTime: 0 };
  const empty = { claim: null, event: null, answer: null, skipped: null };
  const nonce = Buffer.alloc(16, 9);
  const operator = { ...header, ...empty, claim: claim?.claim ? { ...claim.claim, nonce } : null };
  const at = stream.cluster.write(stream.topics.outbound, p0, {
    value: stream.codec.encodeOutbound(operator as OutboundRecord),
  });
  const skipped = {
    ...empty,
    epoch: at as number as OutboundRecord['epoch'],
    inbound: 40 as Offset,
    prevInbound: 39 as Offset,
    inboundTime: 0,
    skipped: { from: 40 as Offset, to: 40 as Offset, reason: 'lost to retention' },
  };
  stream.cluster.write(stream.topics.outbound, p0, { value: stream.codec.encodeOutbound(skipped) });
  await ready(a);
  await until(() => expect(stream.judge(p0).accepted.at(-1)?.inbound).toBe(41));
});

test('refuses a stream that has another number of partitions', async () => {
  const stream = new MemoryStream({ partitions: 2 });
  await ready(await running.start(stream, 'a'));
  await running.stopAll();
  const claims = stream.judge(p1).claims.length;
  const b = await running.start(stream, 'b', { partitions: 3 });
  await haltedWith(b, p1, 'partition_mismatch');
  expect(stream.judge(p1).claims).toHaveLength(claims);
});

test('refuses a partition that belongs to another stream, without a claim of its own', async () => {
  const stream = new MemoryStream({ partitions: 2 });
  await ready(await running.start(stream, 'a'));
  await running.stopAll();
  const other = new MemoryStream({ partitions: 2 });
  await ready(await running.start(other, 'a'));
  await running.stopAll();
  // Partition 1 of the one, partition 0 of the other, as when half a cluster was restored from another's backup.
  const foreign = other.cluster.partition(other.topics.outbound, p1);
  const target = stream.cluster.partition(stream.topics.outbound, p1);
  target.slots.splice(0, target.slots.length, ...foreign.slots);
  const claims = target.slots.length;
  const b = await running.start(stream, 'b');
  await haltedWith(b, p1, 'stream_mismatch');
  expect(target.slots).toHaveLength(claims);
  await until(() => expect(b.report().partitions[0]?.state).toBe('processing'));
});
