/** The four topics: made with what Roomlog needs, and checked before anything runs on them. */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import { systemClock } from '../../core/ports/clock.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { backOffMs, Pause } from './back-off.ts';
import { loadClient } from './clients.ts';
import { Connections } from './connection.ts';
import { noKafkaMetrics } from './kafka-metrics.ts';
import { Metadata } from './metadata.ts';
import { Offsets } from './offsets.ts';
import { Reachability } from './reachability.ts';
import { BrokerRefusal } from './transport.ts';

export interface TopicSpec {
  readonly topic: string;
  readonly partitions: number;
  readonly configs: Readonly<Record<string, string>>;
}

const MIB = 1_048_576;
const HOUR_MS = 3_600_000;
const CREATE_TIMEOUT_MS = 10_000;
/** Waiting for the leaders of new topics, and for the controller. */
const MAX_TRIES = 12;

/** What `ensureTopics` makes. */
export function topicSpecs(stream: Config['stream']): TopicSpec[] {
  const common = { 'min.insync.replicas': `${stream.minInsyncReplicas}`, 'unclean.leader.election.enable': 'false' };
  const logTime = { 'message.timestamp.type': 'LogAppendTime' };
  const { prefix, partitions } = stream;
  return [
    {
      topic: `${prefix}.inbound`,
      partitions,
      configs: {
        ...common,
        ...logTime,
        'cleanup.policy': 'delete',
        'max.message.bytes': `${MIB}`,
        'retention.ms': `${stream.inboundRetentionMs}`,
      },
    },
    {
      topic: `${prefix}.outbound`,
      partitions,
      configs: {
        ...common,
        ...logTime,
        'cleanup.policy': 'delete',
        'max.message.bytes': `${2 * MIB}`,
        'retention.ms': `${stream.outboundRetentionMs}`,
      },
    },
    {
      topic: `${prefix}.snapshots`,
      partitions,
      configs: {
        ...common,
        'cleanup.policy': 'compact',
        'max.message.bytes': `${MIB}`,
        // Small segments, closed and cleaned soon: of some hundred snapshots a day two are of use.
        'segment.bytes': `${64 * MIB}`,
        'segment.ms': `${HOUR_MS}`,
        'min.cleanable.dirty.ratio': '0.1',
        'max.compaction.lag.ms': `${HOUR_MS}`,
        'delete.retention.ms': `${HOUR_MS}`,
      },
    },
    {
      topic: `${prefix}.deadletter`,
      partitions,
      configs: {
        ...common,
        'cleanup.policy': 'delete',
        'max.message.bytes': `${2 * MIB}`,
        'retention.ms': `${stream.inboundRetentionMs}`,
      },
    },
  ];
}

/**
 * Creates what is missing and leaves what exists as it is. Returns when every partition answers. Throws `kafka_unreachable`,
 * `kafka_refused`.
 */
export async function ensureTopics(
  config: Config,
  logger: LogSink,
): Promise<{ created: string[]; existing: string[] }> {
  return createMissing(config.kafka, topicSpecs(config.stream), config.stream.replicationFactor, logger);
}

export async function createMissing(
  kafka: Config['kafka'],
  specs: readonly TopicSpec[],
  replicationFactor: number,
  logger: LogSink,
): Promise<{ created: string[]; existing: string[] }> {
  const connections = new Connections({
    createTransport: await loadClient(kafka.client),
    config: kafka,
    clientId: `${kafka.clientId}-topics`,
    logger,
    reachability: new Reachability(systemClock, CREATE_TIMEOUT_MS),
    requestTimeoutMs: CREATE_TIMEOUT_MS + 2_000,
    metrics: noKafkaMetrics,
  });
  const metadata = new Metadata(kafka, connections, systemClock);
  const offsets = new Offsets(metadata, connections);
  const created: string[] = [];
  const existing: string[] = [];
  try {
    for (const spec of specs) {
      const isNew = await retrying(() => createOne(metadata, connections, spec, replicationFactor));
      (isNew ? created : existing).push(spec.topic);
    }
    // A leader may be named in the metadata before it knows that it leads.
    for (const spec of specs) await retrying(() => offsets.ranges(spec.topic));
    if (created.length > 0) logger.info({ created }, 'topics created');
    return { created, existing };
  } finally {
    await connections.close();
  }
}

/** False where it exists already. */
async function createOne(
  metadata: Metadata,
  connections: Connections,
  spec: TopicSpec,
  replicationFactor: number,
): Promise<boolean> {
  try {
    await metadata.refresh(spec.topic);
    return false;
  } catch (error) {
    if (!(error instanceof RoomlogError) || error.code !== 'topic_missing') throw error;
  }
  const configEntries = Object.entries(spec.configs).map(([name, value]) => ({ name, value }));
  const request = { topic: spec.topic, numPartitions: spec.partitions, replicationFactor, configEntries };
  try {
    // Any broker passes it on to the controller (KRaft).
    await metadata.anyBroker((address) =>
      connections.use(address, 'createTopics', (broker) => broker.createTopic(request, CREATE_TIMEOUT_MS)),
    );
    return true;
  } catch (thrown) {
    if (!(thrown instanceof BrokerRefusal)) throw thrown;
    if (thrown.type === 'TOPIC_ALREADY_EXISTS') return false;
    if (thrown.retriable) throw thrown;
    const details = { topic: spec.topic, kafkaCode: thrown.type };
    throw new RoomlogError('kafka_refused', `Kafka refused to create ${spec.topic}: ${thrown.message}`, {
      cause: thrown,
      details,
    });
  }
}

async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const known = error instanceof RoomlogError;
      const hopeless = known && error.code !== 'kafka_unreachable' && error.code !== 'topic_missing';
      if (tries >= MAX_TRIES || hopeless) {
        throw known ? error : new RoomlogError('kafka_unreachable', undefined, { cause: error });
      }
      await new Pause().for(backOffMs(tries + 1));
    }
  }
}

/** Throws `topic_missing` or `partition_mismatch` unless inbound and outbound have `partitions` partitions each. */
export async function checkTopics(
  log: EventLog,
  topics: { readonly inbound: string; readonly outbound: string },
  partitions: number,
): Promise<void> {
  for (const topic of [topics.inbound, topics.outbound]) {
    const found = await log.partitionCount(topic);
    if (found === partitions) continue;
    const message = `${topic} has ${found} partitions, but stream.partitions is ${partitions}; P is fixed for the life of a stream.`;
    throw new RoomlogError('partition_mismatch', message, { details: { topic, found, expected: partitions } });
  }
}
