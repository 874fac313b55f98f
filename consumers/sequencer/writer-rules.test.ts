/** Rules of the writer whose absence only a particular moment shows. Each test fails when its rule is taken out. */
import { afterEach, expect, test } from 'vitest';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { RoomlogError } from '../../core/errors.ts';
import { NO_EPOCH, NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { AppendBatch, AppendOutcome } from '../../core/ports/event-log.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';
import type { Sequencer } from './sequencer.ts';

const p0 = 0 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

/** Long enough for what must not happen to happen. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 150));
const nothing: OutboundRecord = {
  epoch: NO_EPOCH,
  inbound: NO_OFFSET,
  prevInbound: NO_OFFSET,
  inboundTime: 0,
  claim: null,
  event: null,
  answer: null,
  skipped: null,
};

const haltedWith = (sequencer: Sequencer, code: string) =>
  until(() => expect(sequencer.report().partitions[0]).toMatchObject({ state: 'halted', error: { code } }));

/** What the first record of a batch for outbound says; null for other topics. */
function firstOf(stream: MemoryStream, topic: string, batch: AppendBatch): OutboundRecord | null {
  const value = batch.records[0]?.value;
  if (topic !== stream.topics.outbound || !value) return null;
  const decoded = stream.codec.decodeOutbound(value);
  return 'unknownSchema' in decoded ? null : decoded;
}

const tooLarge = (batch: AppendBatch): AppendOutcome => ({
  partition: batch.partition,
  status: 'refused',
  error: new RoomlogError('too_large'),
});

test('an own claim behind which a later one stands gives no right to write', async () => {
  const stream = new MemoryStream();
  let foreign: Offset | null = null;
  class OvertakenLog extends MemoryLog {
    override async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
      const outcomes = await super.append(topic, batches);
      const claim = batches[0] && firstOf(stream, topic, batches[0])?.claim;
      if (claim && claim.streamId !== '' && foreign === null) {
        // Both are read at once.
        const value = stream.codec.encodeOutbound({ ...nothing, claim: { ...claim, nonce: Buffer.alloc(16, 9) } });
        foreign = this.cluster.write(topic, p0, { value });
      }
      return outcomes;
    }
  }
  for (let n = 0; n < 10; n++) stream.publish(inboundEvent());
  await running.start(stream, 'a', { log: new OvertakenLog(stream.cluster, 'a') });
  await sound(stream);
  expect(foreign).not.toBeNull();
  const epochs = stream.outbound(p0).flatMap(({ record }) => (record.claim === null ? [record.epoch as number] : []));
  expect(epochs).not.toContain(foreign);
});

test('a refused claim is not tried again', async () => {
  const stream = new MemoryStream();
  let tries = 0;
  stream.cluster.onAppend = () => {
    tries++;
    return 'refused';
  };
  const a = await running.start(stream, 'a');
  await haltedWith(a, 'kafka_refused');
  await aWhile();
  expect(tries).toBe(1);
});

test('a partition whose newest claim follows newer rules is written to no more', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  const claim = stream.judge(p0).claims.at(-1)?.claim;
  if (!claim) throw new Error('no claim');
  const newer = { ...claim, nonce: Buffer.alloc(16, 8), foldVersion: claim.foldVersion + 1 };
  stream.cluster.write(stream.topics.outbound, p0, {
    value: stream.codec.encodeOutbound({ ...nothing, claim: newer }),
  });
  await haltedWith(a, 'fold_halted');
  const { length } = stream.outbound(p0);
  stream.publish(inboundEvent());
  await aWhile();
  expect(stream.outbound(p0)).toHaveLength(length);
});

test('nothing is answered while a poison answer lacks its letter', async () => {
  const stream = new MemoryStream();
  await ready(await running.start(stream, 'a'));
  let letters = 0;
  let written = false;
  stream.cluster.onAppend = ({ topic }) => {
    if (topic !== stream.topics.deadletter) return undefined;
    letters++;
    return written ? undefined : 'not_appended';
  };
  stream.write(p0, null, null);
  await until(() => expect(letters).toBeGreaterThan(0));
  for (let n = 0; n < 10; n++) stream.publish(inboundEvent());
  await aWhile();
  expect(stream.judge(p0).accepted).toHaveLength(1);
  written = true;
  await sound(stream);
  expect(stream.deadLetters()).toHaveLength(1);
});

test('a batch that may stand in the log already is not cut when it is refused as too large', async () => {
  const stream = new MemoryStream();
  let tries = 0;
  class FickleLog extends MemoryLog {
    override async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
      const [batch] = batches;
      if (batch === undefined || firstOf(stream, topic, batch)?.claim !== null) return super.append(topic, batches);
      tries++;
      if (tries > 1) return [tooLarge(batch)];
      const error = new RoomlogError('kafka_unreachable');
      return [{ partition: batch.partition, status: 'unknown', error }];
    }
  }
  for (let n = 0; n < 10; n++) stream.publish(inboundEvent());
  const a = await running.start(stream, 'a', { log: new FickleLog(stream.cluster, 'a') });
  await haltedWith(a, 'too_large');
  await aWhile();
  expect(tries).toBe(2);
});

test('what was decided after a record that is too large is decided again only when all before it was read back', async () => {
  const stream = new MemoryStream();
  class NarrowLog extends MemoryLog {
    override async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
      const [batch] = batches;
      const bytes = batch?.records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0) ?? 0;
      if (batch !== undefined && topic === stream.topics.outbound && bytes > 3_000) return [tooLarge(batch)];
      return super.append(topic, batches);
    }
  }
  const a = await running.start(stream, 'a', { log: new NarrowLog(stream.cluster, 'a') });
  await ready(a);
  // Read-back is stuck at a zombie's record of a schema that has to be asked for.
  const stuck = stream.codec.encodeOutbound(nothing);
  stuck.writeInt32BE(99, 1);
  stream.registry.reachable = false;
  stream.cluster.write(stream.topics.outbound, p0, { value: stuck });
  const id = session();
  const before = stream.cluster.records(stream.topics.outbound, p0).length;
  for (let pub = 1; pub <= 5; pub++) stream.publish(inboundEvent({ session: id, pub }));
  const { outbound } = stream.topics;
  await until(() => expect(stream.cluster.records(outbound, p0).length).toBeGreaterThanOrEqual(before + 5));
  stream.publish(inboundEvent({ data: Buffer.from(`"${'x'.repeat(4_000)}"`) }));
  for (let pub = 6; pub <= 9; pub++) stream.publish(inboundEvent({ session: id, pub }));
  await aWhile();
  stream.registry.schemas.set(99, stream.registry.cached.get(2) ?? '');
  stream.registry.reachable = true;
  await sound(stream);
  expect(stream.judge(p0).events).toHaveLength(9);
  await until(() => expect(stream.deadLetters().map(({ inbound }) => inbound)).toEqual([5]));
});

test('a claim that is due waits until nothing decided is on its way', async () => {
  const clock = { ahead: 0, now: () => Date.now(), monotonic: () => performance.now() + clock.ahead };
  const stream = new MemoryStream({ clock, sequencer: { claimEveryMs: 60_000 } });
  await ready(await running.start(stream, 'a'));
  stream.publish(inboundEvent());
  await sound(stream);
  // Arrives late, so that a hasty claim would overtake it.
  let held = false;
  stream.cluster.onAppend = ({ topic, batch }) => {
    if (firstOf(stream, topic, batch)?.claim !== null) return undefined;
    held = true;
    return { hold: aWhile() };
  };
  stream.publish(inboundEvent());
  await until(() => expect(held).toBe(true));
  clock.ahead = 60_000;
  await until(() => expect(stream.judge(p0).claims).toHaveLength(3));
  await sound(stream);
  expect(stream.judge(p0).stale).toBe(0);
});
