/** Apache Kafka in KRaft mode for one stack: every node is broker and controller, on loopback. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import '../../adapters/kafka/kafkajs-timers.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Service } from './launch.ts';
import { brokerPorts } from './ports.ts';
import type { StatePaths } from './state-dir.ts';

export interface KafkaCluster {
  readonly java: string;
  /** Folder of Kafka's jars. */
  readonly lib: string;
  readonly portBase: number;
  readonly brokers: number;
  readonly clusterId: string;
  /** More listeners, for clients that must come another way. */
  readonly listeners?: readonly RoleListener[];
  /** For the brokers' JVMs, after the usual ones. */
  readonly jvmFlags?: readonly string[];
}

/** A listener of its own for some clients; metadata asked through it names `advertisedPort`, where a proxy may stand. */
export interface RoleListener {
  /** Capitals, digits and underscores; not BROKER or CONTROLLER. */
  readonly name: string;
  port(node: number): number;
  advertisedPort(node: number): number;
}

const LOG4J = `<Configuration>
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c{1})%n"/></Console></Appenders>
  <Loggers><Root level="info"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
`;

/** What `kafka-storage random-uuid` makes: 16 random bytes in base64url, none that starts with a dash. */
export function newClusterId(): string {
  const id = randomBytes(16).toString('base64url');
  return id.startsWith('-') ? newClusterId() : id;
}

export function brokerAddresses(portBase: number, brokers: number): string[] {
  return numbers(brokers).map((node) => `127.0.0.1:${brokerPorts(portBase, node).client}`);
}

/** Writes the nodes' settings and formats the storage of those that have none. */
export async function prepareKafka(cluster: KafkaCluster, paths: StatePaths): Promise<void> {
  writeFileSync(join(paths.configDir, 'kafka-log4j2.xml'), LOG4J);
  await Promise.all(
    numbers(cluster.brokers).map(async (node) => {
      const data = join(paths.dataDir, `kafka-${node}`);
      mkdirSync(data, { recursive: true });
      writeFileSync(configFile(paths, node), nodeProperties(cluster, node, data));
      if (existsSync(join(data, 'meta.properties'))) return;
      const args = [
        '-Xmx128m',
        '-XX:+UseSerialGC',
        '-XX:TieredStopAtLevel=1',
        `-Dlog4j2.configurationFile=${join(paths.configDir, 'kafka-log4j2.xml')}`,
        ...['-cp', `${cluster.lib}/*`, 'kafka.tools.StorageTool', 'format'],
        ...['-t', cluster.clusterId, '-c', configFile(paths, node)],
      ];
      await promisify(execFile)(cluster.java, args).catch((error: unknown) => {
        const output = (error as { stdout?: string; stderr?: string }) ?? {};
        throw new RoomlogError(
          'stack_failed',
          `Kafka's storage could not be formatted:\n${output.stdout}${output.stderr}`,
        );
      });
    }),
  );
}

export function kafkaServices(cluster: KafkaCluster, paths: StatePaths): Service[] {
  const heap = cluster.brokers === 1 ? '-Xmx512m' : '-Xmx384m';
  const addresses = brokerAddresses(cluster.portBase, cluster.brokers);
  return numbers(cluster.brokers).map((node) => {
    const ports = brokerPorts(cluster.portBase, node);
    return {
      name: `kafka-${node}`,
      command: [
        cluster.java,
        '-Xms256m',
        heap,
        '-XX:+UseSerialGC',
        ...(cluster.jvmFlags ?? []),
        `-Dlog4j2.configurationFile=${join(paths.configDir, 'kafka-log4j2.xml')}`,
        ...['-cp', `${cluster.lib}/*`, 'kafka.Kafka', configFile(paths, node)],
      ],
      env: {},
      ports: [ports.client, ports.controller, ...(cluster.listeners ?? []).map((listener) => listener.port(node))],
      readyWithinMs: 120_000,
      stopWithinMs: 20_000,
      // Itself: what others say of a node that was killed may be old.
      ready: () => askKafka(addresses.slice(node - 1, node), node),
    };
  });
}

/** Throws until the cluster's metadata lists a controller and `node` (any broker when null). */
export async function askKafka(brokers: readonly string[], node: number | null): Promise<void> {
  const kafka = new Kafka({
    brokers: [...brokers],
    clientId: 'roomlog-up',
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: 5_000,
    retry: { retries: 0 },
  });
  const admin = kafka.admin();
  try {
    await admin.connect();
    const { brokers: alive, controller } = await admin.describeCluster();
    if (controller !== null && (node === null || alive.some((broker) => broker.nodeId === node))) return;
  } finally {
    await admin.disconnect();
  }
  throw new RoomlogError('kafka_unreachable', `Kafka's metadata does not list node ${node} yet.`);
}

function nodeProperties(cluster: KafkaCluster, node: number, dataDir: string): string {
  const ports = brokerPorts(cluster.portBase, node);
  const replicas = cluster.brokers === 1 ? 1 : 3;
  const minIsr = cluster.brokers === 1 ? 1 : 2;
  const voters = numbers(cluster.brokers).map(
    (id) => `${id}@127.0.0.1:${brokerPorts(cluster.portBase, id).controller}`,
  );
  const roles = cluster.listeners ?? [];
  const at = (name: string, port: number): string => `${name}://127.0.0.1:${port}`;
  const properties = {
    'process.roles': 'broker,controller',
    'node.id': node,
    'controller.quorum.voters': voters.join(','),
    listeners: [
      at('BROKER', ports.client),
      at('CONTROLLER', ports.controller),
      ...roles.map((role) => at(role.name, role.port(node))),
    ].join(','),
    'advertised.listeners': [
      at('BROKER', ports.client),
      ...roles.map((role) => at(role.name, role.advertisedPort(node))),
    ].join(','),
    'listener.security.protocol.map': ['BROKER', 'CONTROLLER', ...roles.map(({ name }) => name)]
      .map((name) => `${name}:PLAINTEXT`)
      .join(','),
    'inter.broker.listener.name': 'BROKER',
    'controller.listener.names': 'CONTROLLER',
    'log.dirs': dataDir,
    'auto.create.topics.enable': false,
    'default.replication.factor': replicas,
    'min.insync.replicas': minIsr,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': minIsr,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': minIsr,
    'share.coordinator.state.topic.num.partitions': 4,
    // One consumer is the usual case here; nobody else is worth waiting for.
    'group.initial.rebalance.delay.ms': 0,
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    // The default takes 128 MB of the heap.
    'log.cleaner.dedupe.buffer.size': 16_777_216,
  };
  const lines = Object.entries(properties).map(([key, value]) => `${key}=${value}\n`);
  return lines.join('');
}

function configFile(paths: StatePaths, node: number): string {
  return join(paths.configDir, `kafka-${node}.properties`);
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
