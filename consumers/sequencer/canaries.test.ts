import { afterEach, expect, test } from 'vitest';
import { canaryOf } from '../../core/canary.ts';
import type { Partition } from '../../core/ids.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import { RunningSequencers, ready, sound, until } from '../../test/support/running-sequencers.ts';
import { noMetrics } from './metrics.ts';

const INTERVAL_MS = 60;
const running = new RunningSequencers();
afterEach(() => running.stopAll());

const streamWith = (partitions: number, canaryIntervalMs = INTERVAL_MS) =>
  new MemoryStream({ partitions, sequencer: { canaryIntervalMs } });
const all = (stream: MemoryStream) => Array.from({ length: stream.partitions }, (_, number) => number as Partition);
const canaries = (stream: MemoryStream, partition: Partition) =>
  stream.judge(partition).accepted.filter(({ answer }) => answer !== null && canaryOf(answer) !== null);
const claims = (stream: MemoryStream, partition: Partition) =>
  stream.judge(partition).claims.map(({ claim }) => claim?.canaryIntervalMs);

test('one goes through every partition each interval, in exactly one outbound record, and is timed', async () => {
  const stream = streamWith(3);
  const timed: number[] = [];
  const metrics = { ...noMetrics, canaryMs: (ms: number) => timed.push(ms) };
  await ready(await running.start(stream, 'a', { metrics }));
  await until(() => {
    for (const partition of all(stream)) expect(canaries(stream, partition).length).toBeGreaterThan(4);
  });
  await running.stopAll();
  await sound(stream);
  for (const partition of all(stream)) {
    expect(stream.judge(partition).events).toEqual([]);
    expect(claims(stream, partition).every((told) => told === INTERVAL_MS)).toBe(true);
    const times = canaries(stream, partition).map(({ inboundTime }) => inboundTime);
    const perCanary = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / (times.length - 1);
    expect(perCanary).toBeGreaterThanOrEqual(INTERVAL_MS * 0.9);
  }
  expect(timed.length).toBeGreaterThan(10);
  expect(timed.every((ms) => ms >= 0 && ms < 10_000)).toBe(true);
  expect(stream.deadLetters()).toEqual([]);
});

test('none is sent where they are off, and the claim says so', async () => {
  const stream = streamWith(2, 0);
  await ready(await running.start(stream, 'a'));
  await new Promise((resolve) => setTimeout(resolve, 3 * INTERVAL_MS));
  for (const partition of all(stream)) {
    expect(stream.judge(partition).accepted).toEqual([]);
    expect(new Set(claims(stream, partition))).toEqual(new Set([0]));
  }
});

test('where Kafka refuses them none are sent any more, and a new claim takes the promise back', async () => {
  const stream = streamWith(1);
  const errors: string[] = [];
  const logger: LogSink = { ...silentLog, error: (_, message) => void errors.push(`${message}`) };
  stream.cluster.onAppend = ({ topic }) => (topic === stream.topics.inbound ? 'refused' : undefined);
  await ready(await running.start(stream, 'a', { logger }));
  await until(() => expect(claims(stream, 0 as Partition).at(-1)).toBe(0));
  expect(errors.filter((line) => line.includes('sequencer.canaryIntervalMs'))).toHaveLength(1);
  stream.cluster.onAppend = undefined;
  stream.publish(inboundEvent());
  await sound(stream);
  expect(canaries(stream, 0 as Partition)).toEqual([]);
});

test('one that is lost is not sent again, the next one is', async () => {
  const stream = streamWith(1);
  let lost = 0;
  stream.cluster.onAppend = ({ topic }) => (topic === stream.topics.inbound && lost++ < 2 ? 'request_lost' : undefined);
  await ready(await running.start(stream, 'a'));
  await until(() => expect(canaries(stream, 0 as Partition).length).toBeGreaterThan(1));
  expect(lost).toBeGreaterThan(3);
});
