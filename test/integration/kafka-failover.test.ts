/** Three brokers: leaders and the coordinator move while the log is written, read and shared. */
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type KafkaLog, openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { createMissing } from '../../adapters/kafka/topics.ts';
import type { Config } from '../../core/config/schema.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { eventLogFaultContract } from '../contract/event-log-faults.ts';
import { CLIENTS, kafkaConfig } from '../contract/kafka-harness.ts';
import { API } from '../support/kafka-proxy.ts';
import { makeOwnCluster, type OwnBroker, type OwnCluster } from '../support/own-kafka.ts';

const PARTITIONS = 6;
const partitions = Array.from({ length: PARTITIONS }, (_, i) => i as Partition);
const start = 0 as Offset;
const eventually = (check: () => void, timeoutMs = 60_000) => vi.waitFor(check, { timeout: timeoutMs, interval: 50 });

/** The node that keeps the group: the leader of the partition of `__consumer_offsets` that Java's hash of its name gives. */
async function coordinatorOf(groupId: string, brokers: readonly string[]): Promise<number> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: ['__consumer_offsets'] });
    const found = topics[0]?.partitions ?? [];
    let hash = 0;
    for (const char of groupId) hash = (31 * hash + char.charCodeAt(0)) | 0;
    const partition = (hash & 0x7fffffff) % found.length;
    return found.find((p) => p.partitionId === partition)?.leader ?? -1;
  } finally {
    await admin.disconnect();
  }
}

let cluster: OwnCluster;

/** Moves the partition's replicas to the brokers that don't lead it. */
async function moveLeader(topic: string, partition: Partition): Promise<void> {
  const admin = new Kafka({ brokers: [...cluster.addresses], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const leader = async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics[0]?.partitions.find(({ partitionId }) => partitionId === partition)?.leader;
    };
    const before = await leader();
    const replicas = cluster.brokers.map(({ nodeId }) => nodeId).filter((nodeId) => nodeId !== before);
    const partitionAssignment = [{ partition, replicas }];
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] });
    await vi.waitFor(async () => expect(replicas).toContain(await leader()), { timeout: 30_000, interval: 50 });
  } finally {
    await admin.disconnect();
  }
}

describe('over three brokers', () => {
  let config: Config;
  const logs: KafkaLog[] = [];
  const topic = 'failover';
  const open = async (clientId: string) => {
    const log = await openKafkaLog(config, { clientId, logger: silentLog });
    logs.push(log);
    return log;
  };

  beforeAll(async () => {
    cluster = await makeOwnCluster(3, { proxied: true });
    await cluster.start();
    config = kafkaConfig(cluster.addresses, { requestTimeoutMs: 4_000, connectionTimeoutMs: 1_000 });
    const configs = { 'message.timestamp.type': 'LogAppendTime', 'min.insync.replicas': '2' };
    await createMissing(config.kafka, [{ topic, partitions: PARTITIONS, configs }], 3, silentLog);
  }, 240_000);
  afterAll(async () => {
    await Promise.all(logs.map((log) => log.close()));
    await cluster.remove();
  }, 60_000);

  for (const client of CLIENTS) {
    eventLogFaultContract(`The Kafka log on ${client}`, async () => {
      const patience = { client, requestTimeoutMs: 2_000, connectionTimeoutMs: 1_000 };
      return {
        open: (clientId) => openKafkaLog(kafkaConfig(cluster.proxied, patience), { clientId, logger: silentLog }),
        createTopic: async (topic, partitions) => {
          const configs = { 'message.timestamp.type': 'LogAppendTime', 'min.insync.replicas': '2' };
          await createMissing(config.kafka, [{ topic, partitions, configs }], 3, silentLog);
        },
        loseAppendAnswers: (lose) => {
          for (const proxy of cluster.proxies) {
            if (lose) proxy.lose(API.produce);
            else proxy.change(null);
          }
        },
        moveLeader,
      };
    });
  }

  test('the Kafka log loses and repeats nothing when one broker dies, and refuses when two are gone', async () => {
    const [writer, reader] = await Promise.all([open('writer'), open('reader')]);
    const seen = new Map<Partition, LogRecord[]>(partitions.map((p) => [p, []]));
    const errors: unknown[] = [];
    const tail = reader.tail({
      topic,
      onRecords: (partition, records) => void seen.get(partition)?.push(...records),
      onError: (partition, error) => void errors.push([partition, error]),
    });
    for (const partition of partitions) tail.assign(partition, start);
    const assignments: Array<readonly Partition[]> = [];
    const member = await reader.joinGroup({
      groupId: 'failover',
      topic,
      // A dead broker's part is taken over after 9 s.
      sessionTimeoutMs: 30_000,
      heartbeatIntervalMs: 300,
      rebalanceTimeoutMs: 10_000,
      onAssignment: (assigned) => void assignments.push(assigned),
      onError: (error) => void errors.push(error),
    });
    await eventually(() => expect(assignments).toEqual([partitions]));
    const { generation } = member;

    /** By partition, in a row since the last look. */
    const acked = new Map<Partition, number>(partitions.map((p) => [p, 0]));
    const ackedValues: string[] = [];
    const unknownValues: string[] = [];
    let last: string[] = [];
    let writing = true;
    const write = async () => {
      for (let i = 0; writing; i++) {
        const value = (partition: Partition) => `${partition}/${i}`;
        const outcomes = await writer.append(
          topic,
          partitions.map((p) => ({ partition: p, records: [{ key: null, value: Buffer.from(value(p)) }] })),
        );
        for (const { partition, status } of outcomes) {
          if (status === 'appended') {
            acked.set(partition, (acked.get(partition) ?? 0) + 1);
            ackedValues.push(value(partition));
          } else if (status === 'unknown') unknownValues.push(value(partition));
        }
        last = outcomes.map((o) => o.status);
        if (last.some((status) => status !== 'appended')) await new Promise((r) => setTimeout(r, 50));
      }
    };
    const allWritten = async (more: number) => {
      for (const partition of partitions) acked.set(partition, 0);
      await eventually(() => expect(Math.min(...acked.values())).toBeGreaterThanOrEqual(more));
    };
    const done = write();
    await allWritten(50);

    const coordinator = cluster.brokers[(await coordinatorOf('failover', cluster.addresses)) - 1] as OwnBroker;
    await coordinator.kill('SIGKILL');
    await allWritten(50);
    const beatAt = member.lastHeartbeatAt;
    await eventually(() => expect(member.lastHeartbeatAt).toBeGreaterThan(beatAt));
    expect(member.generation).toBe(generation);
    expect(assignments).toEqual([partitions]);

    coordinator.start();
    await coordinator.ready();
    await allWritten(50);

    const [, second, third] = cluster.brokers as [OwnBroker, OwnBroker, OwnBroker];
    await Promise.all([second.kill('SIGKILL'), third.kill('SIGKILL')]);
    await eventually(() => expect(last).not.toContain('appended'));
    const ackedWithOne = ackedValues.length;
    await eventually(() => expect(writer.reachable() && last.includes('not_appended')).toBe(true));
    expect(ackedValues.length).toBe(ackedWithOne);
    for (const broker of [second, third]) broker.start();
    await Promise.all([second.ready(), third.ready()]);
    await allWritten(50);
    writing = false;
    await done;

    const ranges = await reader.ranges(topic);
    await eventually(() => {
      for (const p of partitions) expect(seen.get(p)?.at(-1)?.offset).toBe((ranges.get(p)?.end ?? 0) - 1);
    });
    await tail.stop();
    expect(errors).toEqual([]);
    for (const p of partitions) expect(seen.get(p)?.map((r) => r.offset)).toEqual(seen.get(p)?.map((_, i) => i));
    const values = [...seen.values()].flat().map((r) => r.value?.toString() ?? '');
    const appeared = new Set(values);
    expect(appeared.size).toBe(values.length);
    expect(ackedValues.filter((value) => !appeared.has(value))).toEqual([]);
    const explained = new Set([...ackedValues, ...unknownValues]);
    expect(values.filter((value) => !explained.has(value))).toEqual([]);
    await member.leave();
  }, 240_000);
});
