import { afterEach, expect, test } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { inboundEvent, MemoryStream, session } from '../../test/support/memory-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';

const p0 = 0 as Partition;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

test('answers each inbound record with the room’s next seq, repeats as duplicates', async () => {
  const stream = new MemoryStream();
  await ready(await running.start(stream, 'a'));
  const id = session();
  for (let pub = 1; pub <= 3; pub++) stream.publish(inboundEvent({ session: id, pub }));
  stream.publish(inboundEvent({ session: id, pub: 2 }));
  await sound(stream);
  const { accepted } = stream.judge(p0);
  expect(accepted.map(({ event, answer }) => event?.seq ?? answer?.code)).toEqual([1, 2, 3, 'duplicate']);
});

test('sequences what lay in inbound before it started', async () => {
  const stream = new MemoryStream({ partitions: 3 });
  for (let n = 0; n < 300; n++) stream.publish(inboundEvent({ room: `room-${n % 20}` }));
  await running.start(stream, 'a');
  await sound(stream);
});

test('names the stream by the nonce of the first claim in partition 0, and every later claim carries that name', async () => {
  const stream = new MemoryStream({ partitions: 3 });
  const both = await Promise.all([running.start(stream, 'a'), running.start(stream, 'b')]);
  await ready(...both);
  const [first, ...later] = stream.judge(p0).claims.map(({ claim }) => claim);
  expect(first?.streamId).toBe('');
  const name = Buffer.from(first?.nonce ?? []).toString('hex');
  const others = [...later, ...[1, 2].flatMap((p) => stream.judge(p as Partition).claims.map(({ claim }) => claim))];
  expect(others.length).toBeGreaterThanOrEqual(3);
  for (const claim of others) expect(claim).toMatchObject({ streamId: name, partitions: 3, foldVersion: 1 });
  for (const sequencer of both) expect(sequencer.report().streamId).toBe(name);
});

test('finds the name again after a restart', async () => {
  const stream = new MemoryStream({ partitions: 2 });
  const a = await running.start(stream, 'a');
  await ready(a);
  const { streamId } = a.report();
  await a.stop();
  const b = await running.start(stream, 'b');
  await ready(b);
  expect(b.report().streamId).toBe(streamId);
  expect(stream.judge(p0).claims.at(-1)?.claim?.streamId).toBe(streamId);
});

test('shares the partitions between two, and each record is answered once', async () => {
  const stream = new MemoryStream({ partitions: 4 });
  const a = await running.start(stream, 'a');
  await ready(a);
  for (let n = 0; n < 100; n++) stream.publish(inboundEvent({ room: `room-${n % 13}` }));
  const b = await running.start(stream, 'b');
  for (let n = 0; n < 100; n++) stream.publish(inboundEvent({ room: `room-${n % 13}` }));
  await ready(a, b);
  expect(a.report().owned).toHaveLength(2);
  expect(b.report().owned).toHaveLength(2);
  for (let n = 0; n < 100; n++) stream.publish(inboundEvent({ room: `room-${n % 13}` }));
  await sound(stream);
});

test('goes past offsets that hold no record', async () => {
  const stream = new MemoryStream();
  stream.publish(inboundEvent());
  stream.cluster.writeControl(stream.topics.inbound, p0);
  stream.publish(inboundEvent());
  const a = await running.start(stream, 'a');
  await sound(stream);
  await a.stop();
  stream.cluster.writeControl(stream.topics.inbound, p0);
  stream.publish(inboundEvent());
  await running.start(stream, 'b');
  await sound(stream);
  expect(stream.judge(p0).accepted.map(({ inbound, prevInbound }) => [prevInbound, inbound])).toEqual([
    [-1, 0],
    [0, 2],
    [2, 4],
  ]);
});

test('has one batch in flight per partition', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 2_000 } });
  let inFlight = 0;
  let most = 0;
  stream.cluster.onAppend = ({ topic }) => {
    if (topic !== stream.topics.outbound) return undefined;
    inFlight++;
    most = Math.max(most, inFlight);
    const arrives = new Promise<void>((resolve) =>
      setTimeout(() => {
        inFlight--;
        resolve();
      }, 2),
    );
    return { hold: arrives };
  };
  for (let n = 0; n < 500; n++) stream.publish(inboundEvent({ room: `room-${n % 20}` }));
  await running.start(stream, 'a');
  await sound(stream);
  expect(most).toBe(1);
});

test('goes on where answers are late but batches were read back, with two unanswered appends at most', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 2_000 } });
  let unanswered = 0;
  let most = 0;
  stream.cluster.onAppend = ({ topic }) => {
    if (topic !== stream.topics.outbound) return undefined;
    unanswered++;
    most = Math.max(most, unanswered);
    const answered = new Promise<void>((resolve) =>
      setTimeout(() => {
        unanswered--;
        resolve();
      }, 10),
    );
    return { holdAnswer: answered };
  };
  for (let n = 0; n < 500; n++) stream.publish(inboundEvent({ room: `room-${n % 20}` }));
  await running.start(stream, 'a');
  await sound(stream);
  expect(most).toBe(2);
});

test('sends nothing while read-back is more than one batch behind', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 2_000 } });
  const a = await running.start(stream, 'a');
  await ready(a);
  let batches = 0;
  // Outbound answers appends but its tail is stuck in the schema of a record from a newer writer.
  const [claim] = stream.outbound(p0).slice(-1);
  const value = stream.codec.encodeOutbound(claim?.record as never);
  value.writeInt32BE(99, 1);
  stream.registry.reachable = false;
  stream.cluster.write(stream.topics.outbound, p0, { value });
  stream.cluster.onAppend = ({ topic }) => {
    if (topic === stream.topics.outbound) batches++;
    return undefined;
  };
  for (let n = 0; n < 500; n++) stream.publish(inboundEvent());
  await until(() => expect(batches).toBeGreaterThanOrEqual(2));
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(batches).toBe(2);
});

test('claims again after so many bytes, and loses nothing by it', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 2_000, claimEveryBytes: 10_000 } });
  await ready(await running.start(stream, 'a'));
  for (let n = 0; n < 500; n++) stream.publish(inboundEvent({ room: `room-${n % 20}` }));
  await sound(stream);
  expect(stream.judge(p0).claims.length).toBeGreaterThan(4);
});

test('tells the group how far it is', async () => {
  const stream = new MemoryStream();
  await ready(await running.start(stream, 'a'));
  for (let n = 0; n < 10; n++) stream.publish(inboundEvent());
  const group = stream.cluster.group(stream.groupId, stream.topics.inbound);
  await until(() => expect(group.committed.get(p0)).toBe(10));
});
