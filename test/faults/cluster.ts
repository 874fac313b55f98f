/** What all cases of a run share: three brokers, registry, Redis and the proxies before them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { ensureArtifacts } from '../../scripts/stack/artifacts.ts';
import { ensureJava } from '../../scripts/stack/java.ts';
import { brokerAddresses, kafkaServices, newClusterId, prepareKafka } from '../../scripts/stack/kafka.ts';
import type { Service } from '../../scripts/stack/launch.ts';
import { freePortBase } from '../../scripts/stack/port-holder.ts';
import { BLOCK_PORTS, redisPort, registryAdminPort, registryPort } from '../../scripts/stack/ports.ts';
import { ensureRedis, redisService } from '../../scripts/stack/redis.ts';
import { registryService, registryUrl } from '../../scripts/stack/registry.ts';
import { ensureSecret, prepareStateDir, type StatePaths, statePaths } from '../../scripts/stack/state-dir.ts';
import { Network, NetworkPorts } from './network.ts';
import { Processes } from './processes.ts';

export const BROKERS = 3;
const DELETE_WITHIN_MS = 20_000;

export interface ClusterOptions {
  /** A folder of its own. */
  readonly dir: string;
  /** toxiproxy's program. */
  readonly toxiproxy: string;
  readonly aborted: AbortSignal;
  say(line: string): void;
}

export class Cluster {
  readonly paths: StatePaths;
  readonly portBase: number;
  readonly ports: NetworkPorts;
  readonly network: Network;
  readonly processes: Processes;

  private constructor(paths: StatePaths, portBase: number, ports: NetworkPorts, aborted: AbortSignal) {
    this.paths = paths;
    this.portBase = portBase;
    this.ports = ports;
    this.network = new Network(ports);
    this.processes = new Processes(paths, aborted);
  }

  /** Everything is ready when it resolves; on a failure what was started is stopped. */
  static async start({ dir, toxiproxy, aborted, say }: ClusterOptions): Promise<Cluster> {
    const began = performance.now();
    const redis = ensureRedis();
    const java = ensureJava();
    const artifacts = await ensureArtifacts(java.home, say);
    const portBase = await freePortBase();
    const paths = statePaths(dir);
    prepareStateDir(paths);
    ensureSecret(paths);
    const cluster = new Cluster(paths, portBase, new NetworkPorts(await anotherBlock(portBase)), aborted);
    const { ports, processes, network } = cluster;
    try {
      const kafka = {
        java: java.program,
        lib: artifacts.kafkaLib,
        portBase,
        brokers: BROKERS,
        clusterId: newClusterId(),
        listeners: ports.listeners(),
        // They are killed and started again often: the quick compiler has them back sooner.
        jvmFlags: ['-XX:TieredStopAtLevel=1'],
      };
      await prepareKafka(kafka, paths);
      const registryDir = join(paths.dataDir, 'registry');
      mkdirSync(registryDir, { recursive: true });
      const registry = { api: registryPort(portBase), admin: registryAdminPort(portBase) };
      await Promise.all([
        ...kafkaServices(kafka, paths).map((service) => processes.start(service)),
        processes.start(registryService(java.program, artifacts.registryJar, registry, registryDir)),
        processes.start(redisService(redis, redisPort(portBase), join(paths.dataDir, 'redis'))),
        processes.start(toxiproxyService(toxiproxy, ports.api, network)),
      ]);
      await network.open({ redis: redisPort(portBase), registry: registryPort(portBase) });
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    const seconds = ((performance.now() - began) / 1_000).toFixed(1);
    say(`three brokers, registry, Redis and ${ports.listeners().length} listeners per broker ready after ${seconds} s`);
    return cluster;
  }

  /** Past all proxies; for the harness's own looks. */
  get brokers(): string[] {
    return brokerAddresses(this.portBase, BROKERS);
  }

  get registryUrl(): string {
    return registryUrl(registryPort(this.portBase));
  }

  /** As Roomlog's processes see them: through the proxies. */
  get proxied(): { readonly registryUrl: string; readonly redisUrl: string } {
    return {
      registryUrl: registryUrl(this.ports.service('registry')),
      redisUrl: `redis://127.0.0.1:${this.ports.service('redis')}`,
    };
  }

  /** Topics of a case that is over, so that brokers that start again don't load them. */
  async deleteTopics(topics: readonly string[]): Promise<void> {
    const kafka = new Kafka({ brokers: this.brokers, clientId: 'faults', logLevel: logLevel.NOTHING });
    const admin = kafka.admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [...topics], timeout: DELETE_WITHIN_MS }).finally(() => admin.disconnect());
  }

  async stop(): Promise<void> {
    for (const group of [/^gateway-/, /^sequencer-/, /^(redis|registry|toxiproxy)$/]) {
      await this.processes.stopAll(group);
    }
    // The data goes with the run: no need to wait for a controlled shutdown of three JVMs.
    const brokers = this.processes.names(/^kafka-/).filter((name) => this.processes.isAlive(name));
    if (brokers.length > 0) await this.processes.kill(...brokers);
  }
}

function toxiproxyService(program: string, port: number, network: Network): Service {
  return {
    name: 'toxiproxy',
    command: [program, '-host', '127.0.0.1', '-port', String(port)],
    // It tells each connection otherwise.
    env: { LOG_LEVEL: 'warn' },
    ports: [port],
    readyWithinMs: 20_000,
    stopWithinMs: 5_000,
    ready: () => network.ready(),
  };
}

async function anotherBlock(taken: number): Promise<number> {
  for (;;) {
    const base = await freePortBase();
    if (Math.abs(base - taken) >= BLOCK_PORTS) return base;
  }
}
