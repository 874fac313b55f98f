import { expect, test } from 'vitest';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import { movableClock } from '../../test/support/movable-clock.ts';
import { ready, sound, until } from '../../test/support/running-sequencers.ts';
import { isData, numbered, p0, running } from '../../test/support/takeovers.ts';

test('takes over from one that died between append and answer', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 1_000 } });
  const a = await running.start(stream, 'a');
  await ready(a);
  let appends = 0;
  const never = new Promise(() => {});
  stream.cluster.onAppend = (attempt) =>
    attempt.clientId === 'a' && isData(stream, attempt) && ++appends > 3 ? { holdAnswer: never } : undefined;
  for (let n = 0; n < 100; n++) stream.publish(inboundEvent({ room: `room-${n % 7}` }));
  await until(() => expect(appends).toBeGreaterThan(3));
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
  const b = await running.start(stream, 'b');
  await ready(b);
  await sound(stream);
});

test('drops what a zombie appends after the takeover', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 1_000 } });
  const a = await running.start(stream, 'a');
  await ready(a);
  const awake = Promise.withResolvers<void>();
  stream.cluster.onAppend = (attempt) => (attempt.clientId === 'a' ? { hold: awake.promise } : undefined);
  numbered(stream, 60);
  await until(() => expect(a.report().partitions[0]?.lagRecords).toBe(60));
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
  await ready(await running.start(stream, 'b'));
  await sound(stream);
  awake.resolve();
  await until(() => expect(stream.judge(p0).stale).toBeGreaterThan(0));
  await until(() => expect(a.report().partitions[0]?.state).toBe('fenced'));
  await sound(stream);
  // Its heartbeats don't succeed any more, so it must not answer the claim by one of its own.
  const claims = stream.judge(p0).claims.length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(stream.judge(p0).claims).toHaveLength(claims);
});

test('sends nothing once its last heartbeat is older than the session time-out', async () => {
  const clock = movableClock();
  const stream = new MemoryStream({ clock });
  const a = await running.start(stream, 'a');
  await ready(a);
  stream.member('a')?.freeze();
  clock.advance(501);
  let sends = 0;
  stream.cluster.onAppend = () => {
    sends++;
    return undefined;
  };
  numbered(stream, 10);
  await until(() => expect(a.report().partitions[0]?.lagRecords).toBe(10));
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(sends).toBe(0);
  stream.member('a')?.thaw();
  await sound(stream);
});

test('a stop waits for what is in flight, and only then lets others take over', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  const answer = Promise.withResolvers<void>();
  let sent = 0;
  stream.cluster.onAppend = (attempt) => {
    if (!isData(stream, attempt)) return undefined;
    sent++;
    return attempt.clientId === 'a' ? { hold: answer.promise } : undefined;
  };
  numbered(stream, 5);
  await until(() => expect(sent).toBe(1));
  const stopping = a.stop();
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(stream.member('a')).toBeDefined();
  answer.resolve();
  await stopping;
  expect(stream.member('a')).toBeUndefined();
  expect(stream.judge(p0).stale).toBe(0);
  await sound(stream);
  expect(sent).toBe(1);
});

test('a stop does not wait for ever', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  let sent = 0;
  stream.cluster.onAppend = (attempt) => {
    if (!isData(stream, attempt)) return undefined;
    sent++;
    return { hold: new Promise(() => {}) };
  };
  numbered(stream, 5);
  await until(() => expect(sent).toBe(1));
  await a.stop();
  expect(stream.member('a')).toBeUndefined();
  stream.cluster.onAppend = undefined;
  await ready(await running.start(stream, 'b'));
  await sound(stream);
});

test('takes back a partition lost for a moment without reading it all again', async () => {
  const stream = new MemoryStream();
  const a = await running.start(stream, 'a');
  await ready(a);
  numbered(stream, 50);
  await sound(stream);
  const b = await running.start(stream, 'b');
  stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: true });
  await ready(b);
  await until(() => expect(a.report().partitions[0]?.state).toBe('warm'));
  numbered(stream, 50);
  await sound(stream);
  await until(() => expect(a.report().partitions[0]?.lastInbound).toBe(99));
});

test('sends the very same bytes again after an unknown outcome, and the fold drops the repeats', async () => {
  const stream = new MemoryStream({ sequencer: { batchBytes: 1_000 } });
  const sent = new Map<string, number>();
  let tries = 0;
  stream.cluster.onAppend = (attempt) => {
    if (!isData(stream, attempt)) return undefined;
    const bytes = attempt.batch.records.map(({ value }) => value?.toString('hex')).join();
    sent.set(bytes, (sent.get(bytes) ?? 0) + 1);
    return tries++ % 2 === 0 ? 'request_lost' : undefined;
  };
  await ready(await running.start(stream, 'a'));
  numbered(stream, 40);
  await sound(stream);
  for (const times of sent.values()) expect(times).toBe(2);
});
