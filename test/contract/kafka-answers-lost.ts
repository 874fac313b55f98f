/** The Kafka log behind a way that loses some answers and lets others through: what falls silent is started again. */
import { afterAll, describe, expect, test, vi } from 'vitest';
import { type KafkaLog, openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { kafkaMetrics } from '../../adapters/kafka/kafka-metrics.ts';
import { createMetrics } from '../../adapters/telemetry/metrics.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { API, type KafkaProxy } from '../support/kafka-proxy.ts';
import type { OwnCluster } from '../support/own-kafka.ts';
import { CLIENTS, kafkaConfig } from './kafka-harness.ts';

const p0 = 0 as Partition;
const start = 0 as Offset;
const record = (value: string) => ({ key: Buffer.from('key'), value: Buffer.from(value) });
const eventually = (check: () => void) => vi.waitFor(check, { timeout: 30_000, interval: 20 });

export interface AnswersLostBy {
  /** One broker, with a proxy before it. */
  readonly cluster: () => OwnCluster;
  /** A log with its own way to the broker. */
  readonly open: (clientId: string) => Promise<KafkaLog>;
  readonly newTopic: () => Promise<string>;
}

export function kafkaAnswersLost({ cluster, open, newTopic }: AnswersLostBy): void {
  const opened: KafkaLog[] = [];
  afterAll(async () => {
    await Promise.all(opened.map((log) => log.close()));
  });

  describe.each(CLIENTS)('on %s behind a way that loses some answers and lets others through', (client) => {
    /** A member that beats, and a tail that reads, each over sockets of its own. */
    async function busy(topic: string) {
      const metrics = createMetrics();
      const log = await openKafkaLog(kafkaConfig(cluster().proxied, { client, requestTimeoutMs: 5_000 }), {
        clientId: 'watched',
        logger: silentLog,
        metrics: kafkaMetrics(metrics),
      });
      opened.push(log);
      const seen: string[] = [];
      const tail = log.tail({
        topic,
        onRecords: (_, records) => void seen.push(...records.map((r) => String(r.value))),
        onError: () => {},
      });
      tail.assign(p0, start);
      const told: Array<readonly Partition[]> = [];
      const join = () =>
        log.joinGroup({
          groupId: `watched-${topic}`,
          topic,
          sessionTimeoutMs: 6_000,
          heartbeatIntervalMs: 100,
          rebalanceTimeoutMs: 500,
          onAssignment: (partitions) => void told.push(partitions),
          onError: () => {},
        });
      const restarts = async (what: string) => {
        const found = new RegExp(`roomlog_kafka_restarts_total{what="${what}"} (\\d+)`).exec(await metrics.render());
        return Number(found?.[1] ?? 0);
      };
      const direct = await open('direct');
      const append = async (value: string) => {
        const [outcome] = await direct.append(topic, [{ partition: p0, records: [record(value)] }]);
        expect(outcome?.status).toBe('appended');
      };
      return { log, seen, told, join, restarts, append };
    }
    const proxy = () => cluster().proxies[0] as KafkaProxy;

    test('a tail gone silent while heartbeats go on is started again, and misses nothing', async () => {
      const { seen, told, join, restarts, append } = await busy(await newTopic());
      const member = await join();
      await append('before');
      await eventually(() => expect(seen).toEqual(['before']));
      await eventually(() => expect(told).toHaveLength(1));
      proxy().lose(API.fetch);
      await append('meanwhile');
      const beatAt = member.lastHeartbeatAt;
      await vi.waitFor(async () => expect(await restarts('tail')).toBeGreaterThan(0), { timeout: 6_000, interval: 50 });
      expect(member.lastHeartbeatAt).toBeGreaterThan(beatAt);
      expect(told).toHaveLength(1);
      proxy().change(null);
      await append('after');
      await eventually(() => expect(seen).toEqual(['before', 'meanwhile', 'after']));
    }, 30_000);

    test('a client that was told to hold its requests back for an hour does not', async () => {
      const { log, seen, restarts, append } = await busy(await newTopic());
      await append('before');
      await eventually(() => expect(seen).toEqual(['before']));
      // The throttle time: first in a fetch's answer, after the correlation id; last in a produce's.
      proxy().change((api, answer) => {
        if (api === API.fetch) answer.writeInt32BE(3_600_000, 4);
        if (api === API.produce) answer.writeInt32BE(3_600_000, answer.length - 4);
        return answer;
      });
      const [topic, again] = [await newTopic(), () => ({ partition: p0, records: [record('told to wait')] })];
      expect((await log.append(topic, [again()]))[0]?.status).toBe('appended');
      await append('meanwhile');
      await vi.waitFor(async () => expect(await restarts('tail')).toBeGreaterThan(0), { timeout: 6_000, interval: 50 });
      proxy().change(null);
      await eventually(() => expect(seen).toEqual(['before', 'meanwhile']));
      expect((await log.append(topic, [again()]))[0]?.status).toBe('unknown');
      expect((await log.append(topic, [again()]))[0]?.status).toBe('appended');
    }, 40_000);

    test.each([
      ['joinGroup', API.joinGroup],
      ['syncGroup', API.syncGroup],
    ])(
      'a rebalance of which no end is told (%s) is left, and joined anew',
      async (_, api) => {
        const { told, join, restarts } = await busy(await newTopic());
        const before = proxy().lost;
        proxy().lose(api);
        await join();
        await eventually(() => expect(proxy().lost).toBe(before + 1));
        proxy().change(null);
        await eventually(() => expect(told).toEqual([[0]]));
        expect(await restarts('group')).toBe(1);
      },
      30_000,
    );
  });
}
