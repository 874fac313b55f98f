/** All services of a stack, in the order of starting, and what stack.json says of them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../core/config/load.ts';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import { topicsOf } from '../../core/names.ts';
import { type Artifacts, ensureArtifacts } from './artifacts.ts';
import { ensureJava } from './java.ts';
import { askKafka, brokerAddresses, type KafkaCluster, kafkaServices, prepareKafka } from './kafka.ts';
import type { Service } from './launch.ts';
import { gatewayPorts, redisPort, registryAdminPort, registryPort, sequencerAdminPort } from './ports.ts';
import type { ProcessRecord } from './process-table.ts';
import { ensureRedis, pingRedis, redisService } from './redis.ts';
import { askRegistry, registryService, registryUrl } from './registry.ts';
import { type CommonConfig, gatewayName, gatewayService, sequencerName, sequencerService } from './roomlog.ts';
import type { StackSettings } from './settings.ts';
import type { StackFile } from './stack-file.ts';
import type { StatePaths } from './state-dir.ts';

const PARTITIONS = 12;

export interface StackPlan {
  /** Started side by side. */
  readonly infrastructure: readonly Service[];
  /** Started side by side, once topics and schemas are there. */
  readonly roomlog: readonly Service[];
  /** Formats new storage. */
  prepare(): Promise<void>;
  /** Asks the services that are not ours; throws while one doesn't answer. */
  askExternal(): Promise<void>;
  /** What all Roomlog processes of the stack have in common, with what the environment overrides. */
  readonly config: Config;
}

/** Finds or installs what the plan needs, and writes all configuration files. */
export async function planStack(
  settings: StackSettings,
  paths: StatePaths,
  say: (line: string) => void,
): Promise<StackPlan> {
  const { external, portBase } = settings;
  const infrastructure: Service[] = [];
  let prepare = async (): Promise<void> => {};
  const redisProgram = external.redisUrl === null ? ensureRedis() : null;
  if (external.kafkaBrokers === null || external.registryUrl === null) {
    const java = ensureJava();
    const artifacts = await ensureArtifacts(java.home, say);
    if (external.kafkaBrokers === null) {
      const cluster: KafkaCluster = { ...settings, java: java.program, lib: artifacts.kafkaLib };
      prepare = () => prepareKafka(cluster, paths);
      infrastructure.push(...kafkaServices(cluster, paths));
    }
    if (external.registryUrl === null) infrastructure.push(registry(java.program, artifacts, portBase, paths));
  }
  if (redisProgram !== null) {
    infrastructure.push(redisService(redisProgram, redisPort(portBase), join(paths.dataDir, 'redis')));
  }
  const common = commonConfig(settings);
  const config = loadConfig({ file: { path: 'scripts/up', content: common }, env: settings.environment });
  const shared = { common, portBase, environment: settings.environment };
  const each = (count: number, make: (number: number) => Service): Service[] =>
    Array.from({ length: count }, (_, index) => make(index + 1));
  return {
    infrastructure,
    roomlog: [
      ...each(settings.sequencers, (number) => sequencerService(shared, number, paths)),
      ...each(settings.gateways, (number) => gatewayService(shared, number, paths)),
    ],
    config,
    prepare,
    askExternal: async () => {
      const { kafkaBrokers: brokers, registryUrl: registry, redisUrl: redis } = external;
      if (brokers !== null) await ask('ROOMLOG_KAFKA_BROKERS', () => askKafka(brokers, null));
      if (registry !== null) await ask('ROOMLOG_REGISTRY_URL', () => askRegistry(registry));
      if (redis !== null) await ask('ROOMLOG_REDIS_URL', () => pingRedis(redis));
    },
  };
}

async function ask(variable: string, question: () => Promise<void>): Promise<void> {
  try {
    await question();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RoomlogError('stack_failed', `What ${variable} names does not answer (${reason}).`, { cause });
  }
}

function registry(java: string, artifacts: Artifacts, portBase: number, paths: StatePaths): Service {
  const dataDir = join(paths.dataDir, 'registry');
  mkdirSync(dataDir, { recursive: true });
  const ports = { api: registryPort(portBase), admin: registryAdminPort(portBase) };
  return registryService(java, artifacts.registryJar, ports, dataDir);
}

function commonConfig(settings: StackSettings): CommonConfig {
  const { external, portBase, brokers } = settings;
  return {
    stream: {
      prefix: 'roomlog',
      partitions: PARTITIONS,
      replicationFactor: brokers,
      minInsyncReplicas: brokers === 1 ? 1 : 2,
    },
    kafka: { brokers: external.kafkaBrokers ?? brokerAddresses(portBase, brokers) },
    registry: { url: external.registryUrl ?? registryUrl(registryPort(portBase)) },
    redis: { url: external.redisUrl ?? `redis://127.0.0.1:${redisPort(portBase)}` },
  };
}

/** The content of stack.json for these processes. */
export function describeStack(settings: StackSettings, config: Config, table: readonly ProcessRecord[]): StackFile {
  const pidOf = (name: string): number | null => table.find((record) => record.name === name)?.pid ?? null;
  const pid = (name: string): number => pidOf(name) ?? 0;
  const { portBase } = settings;
  const { prefix, partitions } = config.stream;
  return {
    version: 1,
    prefix,
    partitions,
    gateways: Array.from({ length: settings.gateways }, (_, index) => {
      const name = gatewayName(index + 1);
      const ports = gatewayPorts(portBase, index + 1);
      return {
        name,
        ws: `ws://127.0.0.1:${ports.public}/v1/ws`,
        http: `http://127.0.0.1:${ports.public}`,
        admin: `http://127.0.0.1:${ports.admin}`,
        pid: pid(name),
      };
    }),
    sequencers: Array.from({ length: settings.sequencers }, (_, index) => {
      const name = sequencerName(index + 1);
      return { name, admin: `http://127.0.0.1:${sequencerAdminPort(portBase, index + 1)}`, pid: pid(name) };
    }),
    kafka: {
      brokers: config.kafka.brokers,
      pids: Array.from({ length: settings.brokers }, (_, index) => pidOf(`kafka-${index + 1}`)).filter(
        (found) => found !== null,
      ),
    },
    registry: { url: config.registry.url, pid: pidOf('registry') },
    redis: { url: config.redis.url, pid: pidOf('redis') },
    topics: topicsOf(prefix),
  };
}
