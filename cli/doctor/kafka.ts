/** Kafka: reachable, its topics as Roomlog needs them, its brokers' clocks. */

import { type BrokerFacts, KafkaInspection, type TopicFacts } from '../../adapters/kafka/inspect.ts';
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { type TopicSpec, topicSpecs } from '../../adapters/kafka/topics.ts';
import type { Config } from '../../core/config/schema.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { type Check, clockCheck, finding, ok, reasonOf, unknown, unreachable } from './check.ts';

/** Replicas that survive one broker and the writing of a second. */
const SAFE_REPLICAS = 3;

export async function checkKafka(config: Config): Promise<Check[]> {
  const inspection = new KafkaInspection(config.kafka);
  try {
    const brokers = await inspection.brokers();
    const checks = [
      ok(
        'kafka',
        `${brokers.length} ${brokers.length === 1 ? 'broker' : 'brokers'}: ${brokers.map(({ address }) => address).join(', ')}`,
      ),
    ];
    checks.push(await checkClient(config));
    for (const spec of topicSpecs(config.stream)) checks.push(...(await checkTopic(inspection, spec, brokers.length)));
    checks.push(...(await checkClocks(inspection, brokers, config.stream.prefix)));
    return checks;
  } catch (thrown) {
    const where = config.kafka.brokers.join(', ');
    const change = 'start Kafka, or correct kafka.brokers (ROOMLOG_KAFKA_BROKERS), TLS and SASL';
    return [unreachable('kafka', `no broker answers at ${where}: ${reasonOf(thrown)}`, change)];
  } finally {
    await inspection.close();
  }
}

/** The questions here are asked by kafkajs; gateways and sequencers ask with what is configured. */
async function checkClient(config: Config): Promise<Check> {
  const { client, clientId } = config.kafka;
  try {
    const log = await openKafkaLog(config, { logger: silentLog, clientId: `${clientId}-doctor` });
    await log.close();
    return ok('kafka client', `${client} reaches them`);
  } catch (thrown) {
    const change = 'set kafka.client to another, and see what this one needs';
    return finding('kafka client', `${client} can't talk to them: ${reasonOf(thrown)}`, change);
  }
}

async function checkTopic(inspection: KafkaInspection, spec: TopicSpec, brokers: number): Promise<Check[]> {
  const name = `topic ${spec.topic}`;
  const facts = await inspection.topic(spec.topic);
  if (facts === null) return [finding(name, 'does not exist', 'roomlog topics create')];
  const faults = [
    ...countFaults(name, spec, facts),
    ...replicaFaults(name, facts, brokers),
    ...configFaults(name, spec, facts),
  ];
  if (faults.length > 0) return faults;
  const kept = facts.configs['retention.ms'] ?? '';
  const retention = spec.configs['cleanup.policy'] === 'compact' ? 'compacted' : `kept ${period(Number(kept))}`;
  return [ok(name, `${facts.partitions} partitions, replication factor ${facts.replicationFactor}, ${retention}`)];
}

function countFaults(name: string, spec: TopicSpec, facts: TopicFacts): Check[] {
  const fixed = /\.(inbound|outbound)$/.test(spec.topic);
  if (!fixed || facts.partitions === spec.partitions) return [];
  const message = `${facts.partitions} partitions, but stream.partitions is ${spec.partitions}`;
  return [finding(name, message, 'set stream.partitions to what the topic was made with; P can never change')];
}

function replicaFaults(name: string, facts: TopicFacts, brokers: number): Check[] {
  const faults: Check[] = [];
  if (facts.leaderless > 0) {
    faults.push(
      finding(name, `${facts.leaderless} partitions have no leader`, 'bring the brokers that hold them back'),
    );
  }
  if (facts.underReplicated > 0) {
    const message = `${facts.underReplicated} partitions have fewer replicas in sync than they should`;
    faults.push(finding(name, message, 'bring the missing broker back, or wait until it has caught up'));
  }
  // One or two brokers are a development stack and can't do better.
  if (brokers >= SAFE_REPLICAS && facts.replicationFactor < SAFE_REPLICAS) {
    const message = `${facts.replicationFactor} replicas on ${brokers} brokers: a lost disk loses acked events`;
    faults.push(finding(name, message, `raise it to ${SAFE_REPLICAS} with kafka-reassign-partitions`));
  }
  const least = Number(facts.configs['min.insync.replicas'] ?? '1');
  if (facts.replicationFactor >= SAFE_REPLICAS && least < 2) {
    faults.push(
      finding(name, 'min.insync.replicas is 1: an ack may mean a single copy', change('min.insync.replicas', '2')),
    );
  }
  if (least > facts.replicationFactor) {
    const message = `min.insync.replicas is ${least}, but there are ${facts.replicationFactor} replicas: nothing can be written`;
    faults.push(finding(name, message, change('min.insync.replicas', `${facts.replicationFactor}`)));
  }
  return faults;
}

function configFaults(name: string, spec: TopicSpec, facts: TopicFacts): Check[] {
  const faults: Check[] = [];
  for (const [key, wanted] of Object.entries(spec.configs)) {
    const found = facts.configs[key] ?? '';
    if (isFine(key, wanted, found)) continue;
    faults.push(finding(name, `${key} is ${found || 'not told'}, Roomlog needs ${wanted}`, change(key, wanted)));
  }
  return faults;
}

function isFine(key: string, wanted: string, found: string): boolean {
  switch (key) {
    case 'min.insync.replicas':
      return true; // Judged with the replicas.
    case 'max.message.bytes':
      return Number(found) >= Number(wanted);
    case 'retention.ms':
    case 'segment.bytes':
    case 'segment.ms':
    case 'min.cleanable.dirty.ratio':
    case 'max.compaction.lag.ms':
    case 'delete.retention.ms':
      return true; // How long and in how much space records are kept is a choice; rooms and publishers outlive them in the snapshots.
    default:
      return found === wanted;
  }
}

const change = (key: string, value: string): string =>
  `kafka-configs --alter --entity-type topics --add-config ${key}=${value}`;

const period = (ms: number): string => (ms < 0 ? 'for ever' : `${(ms / 86_400_000).toFixed(1)} days`);

async function checkClocks(
  inspection: KafkaInspection,
  brokers: readonly BrokerFacts[],
  prefix: string,
): Promise<Check[]> {
  try {
    const readings = await inspection.clocks(brokers, prefix);
    return brokers.map(({ nodeId, address }) => {
      const name = `clock of kafka ${address}`;
      const reading = readings.get(nodeId);
      return reading ? clockCheck(name, reading) : unknown(name, 'it gave no append time');
    });
  } catch (thrown) {
    // A user who may not create topics can't ask.
    return [unknown('clock of kafka', `could not be asked: ${reasonOf(thrown)}`)];
  }
}
