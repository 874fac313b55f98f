/** The Kafka adapter while its broker dies, hangs, forgets, and while foreign producers send what they may. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type KafkaLog, openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { createMissing } from '../../adapters/kafka/topics.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { kafkaAnswersLost } from '../contract/kafka-answers-lost.ts';
import { CLIENTS, kafkaConfig, TEST_CLIENT } from '../contract/kafka-harness.ts';
import { kafkaLogins } from '../contract/kafka-login.ts';
import { makeOwnCluster, type OwnBroker, type OwnCluster } from '../support/own-kafka.ts';

const REQUEST_TIMEOUT_MS = 1_500;
const p0 = 0 as Partition;
const start = 0 as Offset;
const record = (value: string) => ({ key: Buffer.from('key'), value: Buffer.from(value) });
const eventually = (check: () => void, timeoutMs = 30_000) => vi.waitFor(check, { timeout: timeoutMs, interval: 20 });

describe('the Kafka log', () => {
  let cluster: OwnCluster;
  let broker: OwnBroker;
  let config: Config;
  const logs: KafkaLog[] = [];
  let topics = 0;

  const open = async (clientId: string, client = TEST_CLIENT) => {
    const log = await openKafkaLog({ ...config, kafka: { ...config.kafka, client } }, { clientId, logger: silentLog });
    logs.push(log);
    return log;
  };
  const newTopic = async (partitions = 1, configs: Record<string, string> = {}) => {
    const topic = `faults-${++topics}`;
    const spec = { topic, partitions, configs: { 'message.timestamp.type': 'LogAppendTime', ...configs } };
    await createMissing(config.kafka, [spec], 1, silentLog);
    return topic;
  };

  beforeAll(async () => {
    cluster = await makeOwnCluster(1, { proxied: true, secured: true });
    broker = cluster.brokers[0] as OwnBroker;
    config = kafkaConfig(cluster.addresses, { requestTimeoutMs: REQUEST_TIMEOUT_MS, connectionTimeoutMs: 1_000 });
    await cluster.start();
  }, 180_000);
  afterAll(async () => {
    await Promise.all(logs.map((log) => log.close()));
    await cluster.remove();
  }, 60_000);

  test('reads what a Java producer packs with each codec', async () => {
    const lines = Array.from({ length: 4_000 }, (_, i) => `${i} ${'roomlog '.repeat(i % 50)}${Math.sin(i)}`);
    const input = lines.map((line) => `${line}\n`).join('');
    const log = await open('codecs');
    const check = async (codec: string) => {
      const topic = await newTopic();
      const to = ['--bootstrap-server', broker.address, '--topic', topic, '--compression-codec', codec];
      const batches = ['--producer-property', 'batch.size=400000', '--producer-property', 'linger.ms=500'];
      await cluster.tool('org.apache.kafka.tools.ConsoleProducer', [...to, ...batches], input);
      const seen: LogRecord[] = [];
      const range = { topic, partition: p0, from: start, to: Number.MAX_SAFE_INTEGER as Offset };
      for await (const records of log.readRange(range)) seen.push(...records);
      expect(seen.map((r) => r.value?.toString())).toEqual(lines);
      expect(seen.map((r) => r.offset)).toEqual(lines.map((_, i) => i));
    };
    await Promise.all(['gzip', 'snappy', 'lz4', 'zstd'].map(check));
  }, 90_000);

  test('loses and repeats nothing over a broker that is killed and comes back', async () => {
    const topic = await newTopic(3);
    const [writer, reader] = await Promise.all([open('writer'), open('reader')]);
    const seen = new Map<Partition, LogRecord[]>();
    const stalls: Array<string | null> = [];
    const errors: unknown[] = [];
    const tail = reader.tail({
      topic,
      onRecords: (partition, records) => void seen.set(partition, [...(seen.get(partition) ?? []), ...records]),
      onError: (partition, error) => void errors.push([partition, error]),
      onStall: (error) => void stalls.push(error?.code ?? null),
    });
    const partitions = [0, 1, 2] as Partition[];
    for (const partition of partitions) tail.assign(partition, start);

    const acked: string[] = [];
    const unknown: string[] = [];
    const statuses = new Set<string>();
    let writing = true;
    const write = async () => {
      for (let i = 0; writing; i++) {
        const values = partitions.map((partition) => ({ partition, value: `${partition}/${i}` }));
        const outcomes = await writer.append(
          topic,
          values.map(({ partition, value }) => ({ partition, records: [record(value)] })),
        );
        outcomes.forEach((outcome, n) => {
          statuses.add(outcome.status);
          if (outcome.status === 'appended') acked.push(values[n]?.value ?? '');
          if (outcome.status === 'unknown') unknown.push(values[n]?.value ?? '');
        });
        if (outcomes.some((outcome) => outcome.status !== 'appended')) await new Promise((r) => setTimeout(r, 20));
      }
    };
    const done = write();
    await eventually(() => expect(acked.length).toBeGreaterThan(100));
    await broker.kill('SIGKILL');
    await eventually(() => expect(statuses).toContain('not_appended'));
    // Told again as more partitions fall silent.
    await eventually(() => expect(new Set(stalls)).toEqual(new Set(['kafka_unreachable'])));
    await eventually(() => expect(writer.reachable()).toBe(false));
    const before = acked.length;
    broker.start();
    await broker.ready();
    await eventually(() => expect(acked.length).toBeGreaterThan(before + 100));
    writing = false;
    await done;
    const ranges = await reader.ranges(topic);
    await eventually(() => {
      for (const partition of partitions) {
        expect(seen.get(partition)?.at(-1)?.offset).toBe((ranges.get(partition)?.end ?? 0) - 1);
      }
    });
    await tail.stop();

    expect(errors).toEqual([]);
    expect(stalls.indexOf(null)).toBe(stalls.length - 1);
    for (const partition of partitions) {
      const offsets = seen.get(partition)?.map((r) => r.offset) ?? [];
      expect(offsets).toEqual(offsets.map((_, i) => i));
    }
    const values = [...seen.values()].flat().map((r) => r.value?.toString() ?? '');
    expect(new Set(values).size).toBe(values.length);
    const appeared = new Set(values);
    expect(acked.filter((value) => !appeared.has(value))).toEqual([]);
    const explained = new Set([...acked, ...unknown]);
    expect(values.filter((value) => !explained.has(value))).toEqual([]);
  }, 120_000);

  test.each(CLIENTS)(
    'on %s calls the outcome unknown when a broker hangs, and goes on when it wakes up',
    async (client) => {
      const topic = await newTopic();
      const log = await open('hanging', client);
      const seen: string[] = [];
      const tail = log.tail({
        topic,
        onRecords: (_, records) => void seen.push(...records.map((r) => String(r.value))),
        onError: () => {},
      });
      tail.assign(p0, start);
      await log.append(topic, [{ partition: p0, records: [record('before')] }]);
      await eventually(() => expect(seen).toEqual(['before']));
      await broker.freeze();
      const [outcome] = await log
        .append(topic, [{ partition: p0, records: [record('hung')] }])
        .finally(() => broker.thaw());
      expect(outcome).toMatchObject({ status: 'unknown', error: { code: 'kafka_unreachable' } });
      await eventually(() => expect(seen).toContain('hung'));
      await eventually(() => expect(log.reachable()).toBe(true));
      expect((await log.append(topic, [{ partition: p0, records: [record('after')] }]))[0]?.status).toBe('appended');
      await eventually(() => expect(seen).toEqual(['before', 'hung', 'after']));
      await tail.stop();
    },
    60_000,
  );

  test('a member whose coordinator was away is told that it lost its partitions, and gets them again', async () => {
    const topic = await newTopic(4);
    const log = await open('member');
    const told: Array<readonly Partition[]> = [];
    const generations: number[] = [];
    const member = await log.joinGroup({
      groupId: 'faults',
      topic,
      sessionTimeoutMs: 6_000,
      heartbeatIntervalMs: 200,
      rebalanceTimeoutMs: 6_000,
      onAssignment: (partitions, generation) => {
        told.push(partitions);
        generations.push(generation);
      },
      onError: () => {},
    });
    await eventually(() => expect(told).toEqual([[0, 1, 2, 3]]));
    await broker.kill('SIGKILL');
    const last = member.lastHeartbeatAt;
    expect(last).toBeGreaterThan(0);
    await eventually(() => expect(told).toEqual([[0, 1, 2, 3], []]));
    expect(member.lastHeartbeatAt).toBe(Number.NEGATIVE_INFINITY);
    broker.start();
    await broker.ready();
    await eventually(() => expect(told).toEqual([[0, 1, 2, 3], [], [0, 1, 2, 3]]));
    expect(member.generation).toBe(generations.at(-1));
    await member.leave();
  }, 90_000);

  kafkaAnswersLost({ cluster: () => cluster, open, newTopic });
  kafkaLogins(() => cluster, newTopic);

  test('opens in the background while no broker is there', async () => {
    const log = await openKafkaLog(kafkaConfig(['127.0.0.1:9']), { logger: silentLog, connect: 'background' });
    expect((await log.append('any', [{ partition: p0, records: [record('a')] }]))[0]?.status).toBe('not_appended');
    await expect(log.partitionCount('any')).rejects.toMatchObject({ code: 'kafka_unreachable' });
    expect(log.reachable()).toBe(false);
    await log.close();
    const hasty = kafkaConfig(['127.0.0.1:9'], { requestTimeoutMs: 300 });
    await expect(openKafkaLog(hasty, { logger: silentLog })).rejects.toMatchObject({ code: 'kafka_unreachable' });
  });

  test.each(CLIENTS)(
    'a process that closes its log on %s comes to its end by itself',
    async (client) => {
      const topic = await newTopic();
      const script = join(import.meta.dirname, '..', 'support', 'open-and-close-kafka.ts');
      const child = spawn(process.execPath, [script, client, broker.address, topic], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let output = '';
      child.stdout.on('data', (chunk) => {
        output += chunk;
      });
      child.stderr.on('data', (chunk) => {
        output += chunk;
      });
      const [code] = await once(child, 'exit');
      expect({ code, output }).toEqual({ code: 0, output: 'closed\nexit in time\n' });
    },
    30_000,
  );
});
