/** What a Kafka cluster says about itself: for `roomlog doctor` and nothing else, so it may take its time. */
import { randomBytes } from 'node:crypto';
import { type Admin, type ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import { saslOf } from './kafkajs-transport.ts';

/** kafkajs has a name for it that an ES module can't import. */
const TOPIC_RESOURCE = 2 as ConfigResourceTypes.TOPIC;

export interface BrokerFacts {
  readonly nodeId: number;
  readonly address: string;
}

export interface TopicFacts {
  readonly topic: string;
  readonly partitions: number;
  /** The smallest number of replicas of any partition. */
  readonly replicationFactor: number;
  /** Partitions with fewer replicas in sync than they have. */
  readonly underReplicated: number;
  readonly leaderless: number;
  readonly configs: Readonly<Record<string, string>>;
}

export interface ClockReading {
  /** How far a broker's clock is ahead of this machine's, ms. */
  readonly aheadMs: number;
  /** Half of the round trip: how wrong `aheadMs` may be. */
  readonly uncertainMs: number;
}

export class KafkaInspection {
  readonly #kafka: Kafka;
  readonly #admin: Admin;

  constructor(config: Config['kafka']) {
    this.#kafka = new Kafka({
      brokers: [...config.brokers],
      clientId: `${config.clientId}-doctor`,
      connectionTimeout: config.connectionTimeoutMs,
      authenticationTimeout: config.connectionTimeoutMs,
      requestTimeout: config.requestTimeoutMs,
      ssl: config.tls,
      ...saslOf(config),
      retry: { retries: 2, initialRetryTime: 100 },
      logLevel: logLevel.NOTHING,
    });
    this.#admin = this.#kafka.admin();
  }

  /** Throws `kafka_unreachable`. */
  async brokers(): Promise<BrokerFacts[]> {
    try {
      await this.#admin.connect();
      const { brokers } = await this.#admin.describeCluster();
      return brokers.map(({ nodeId, host, port }) => ({ nodeId, address: `${host}:${port}` }));
    } catch (cause) {
      throw new RoomlogError('kafka_unreachable', undefined, { cause });
    }
  }

  /** null for a topic that does not exist. */
  async topic(topic: string): Promise<TopicFacts | null> {
    if (!(await this.#admin.listTopics()).includes(topic)) return null;
    const { topics } = await this.#admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = topics[0]?.partitions ?? [];
    const { resources } = await this.#admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: TOPIC_RESOURCE, name: topic }],
    });
    const entries = resources[0]?.configEntries ?? [];
    return {
      topic,
      partitions: partitions.length,
      replicationFactor: Math.min(...partitions.map(({ replicas }) => replicas.length)),
      underReplicated: partitions.filter(({ isr, replicas }) => isr.length < replicas.length).length,
      leaderless: partitions.filter(({ leader }) => leader < 0).length,
      configs: Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue])),
    };
  }

  /**
   * Each broker's clock, by the append time that it gives a record. Kafka tells its time no other way, so this makes a topic
   * `<prefix>.doctor-…` with one partition a broker, writes a record into each, and deletes the topic again.
   */
  async clocks(brokers: readonly BrokerFacts[], prefix: string): Promise<Map<number, ClockReading>> {
    const topic = `${prefix}.doctor-${randomBytes(4).toString('hex')}`;
    const configEntries = [
      { name: 'message.timestamp.type', value: 'LogAppendTime' },
      { name: 'min.insync.replicas', value: '1' },
    ];
    const replicaAssignment = brokers.map(({ nodeId }, partition) => ({ partition, replicas: [nodeId] }));
    await this.#admin.createTopics({ topics: [{ topic, replicaAssignment, configEntries }], waitForLeaders: true });
    const producer = this.#kafka.producer({ allowAutoTopicCreation: false });
    try {
      await producer.connect();
      const readings = new Map<number, ClockReading>();
      for (const [partition, { nodeId }] of brokers.entries()) {
        // The first one opens the connection; the second is the measurement.
        await producer.send({ topic, messages: [{ partition, value: '' }] });
        const beganMs = Date.now();
        const [answer] = await producer.send({ topic, messages: [{ partition, value: '' }] });
        const uncertainMs = (Date.now() - beganMs) / 2;
        const appendedMs = Number(answer?.logAppendTime ?? '-1');
        if (appendedMs > 0) readings.set(nodeId, { aheadMs: appendedMs - beganMs - uncertainMs, uncertainMs });
      }
      return readings;
    } finally {
      await producer.disconnect();
      await this.#admin.deleteTopics({ topics: [topic] });
    }
  }

  async close(): Promise<void> {
    await this.#admin.disconnect();
  }
}
