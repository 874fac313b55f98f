/** The gateways and sequencers of one case, on topics of its own, each with its own way to Kafka. */
import { readFileSync } from 'node:fs';
import { loadConfig } from '../../core/config/load.ts';
import type { Config } from '../../core/config/schema.ts';
import { type Topics, topicsOf } from '../../core/names.ts';
import { mintToken } from '../../gateway/auth/mint-token.ts';
import type { Service } from '../../scripts/stack/launch.ts';
import { gatewayPorts, sequencerAdminPort } from '../../scripts/stack/ports.ts';
import { prepareStream } from '../../scripts/stack/prepare-stream.ts';
import { gatewayName, gatewayService, sequencerName, sequencerService } from '../../scripts/stack/roomlog.ts';
import type { KafkaClient } from './case.ts';
import { BROKERS, type Cluster } from './cluster.ts';
import type { Role } from './network.ts';

/** What one process gets beside what all get. */
export interface ProcessSetting {
  /** Configuration by its environment variables. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Modules that Node loads before the program: skewed clocks, sabotage. Absolute paths. */
  readonly preloads?: readonly string[];
}

export interface RoomlogOptions {
  readonly prefix: string;
  readonly partitions: number;
  readonly gateways: number;
  readonly sequencers: number;
  readonly client: KafkaClient;
  /** For all processes. */
  readonly environment?: Readonly<Record<string, string>>;
  setting?(name: string): ProcessSetting;
}

type TokenRooms = Parameters<typeof mintToken>[1]['rooms'];

const TOKEN_TTL_MS = 7_200_000;
/** A silent gateway is noticed soon. */
const ENVIRONMENT = { ROOMLOG_GATEWAY_PING_INTERVAL_MS: '5000', ROOMLOG_GATEWAY_PONG_TIMEOUT_MS: '3000' };

export class Roomlog {
  readonly config: Config;
  readonly topics: Topics;
  readonly #cluster: Cluster;
  readonly #options: RoomlogOptions;

  constructor(cluster: Cluster, options: RoomlogOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.topics = topicsOf(options.prefix);
    const content = { ...this.#common(cluster.brokers), registry: { url: cluster.registryUrl } };
    this.config = loadConfig({ file: { path: 'scripts/test-faults', content } });
  }

  get partitions(): number {
    return this.#options.partitions;
  }

  get gateways(): string[] {
    return Array.from({ length: this.#options.gateways }, (_, index) => gatewayName(index + 1));
  }

  get sequencers(): string[] {
    return Array.from({ length: this.#options.sequencers }, (_, index) => sequencerName(index + 1));
  }

  /** Topics, schemas, then all processes; resolves when every one is ready. */
  async start(): Promise<void> {
    await prepareStream(this.config, () => {});
    const services = [
      ...this.sequencers.map((_, index) => this.sequencer(index + 1)),
      ...this.gateways.map((_, index) => this.gateway(index + 1)),
    ];
    await Promise.all(services.map((service) => this.#cluster.processes.start(service)));
    await Promise.all([...this.sequencers, ...this.gateways].map((name) => this.#mustRunOnClient(name)));
  }

  async stop(): Promise<void> {
    await this.#cluster.processes.stopAll(/^gateway-/);
    await this.#cluster.processes.stopAll(/^sequencer-/);
  }

  /** So that nobody reports of one client what was done by another. */
  async #mustRunOnClient(name: string): Promise<void> {
    const answer = await fetch(`${this.admin(name)}/health`);
    const { kafka } = (await answer.json()) as { kafka?: { client?: string } };
    if (kafka?.client === this.#options.client) return;
    throw new Error(`${name} runs on ${kafka?.client}, not on ${this.#options.client}`);
  }

  gateway(number: number): Service {
    return this.#with(gatewayService(this.#shared('gateway'), number, this.#cluster.paths));
  }

  /** Also one beyond those that the case began with. */
  sequencer(number: number): Service {
    return this.#with(sequencerService(this.#shared(roleOf(sequencerName(number))), number, this.#cluster.paths));
  }

  urls(): string[] {
    return this.gateways.map(
      (_, index) => `ws://127.0.0.1:${gatewayPorts(this.#cluster.portBase, index + 1).public}/v1/ws`,
    );
  }

  /** Base URL of a process's admin port. */
  admin(name: string): string {
    const number = Number(/\d+$/.exec(name)?.[0]);
    const { portBase } = this.#cluster;
    const port = name.startsWith('gateway-')
      ? gatewayPorts(portBase, number).admin
      : sequencerAdminPort(portBase, number);
    return `http://127.0.0.1:${port}`;
  }

  /** For every room. */
  token(user: string): Promise<string> {
    return this.tokenFor(user, [{ pattern: '**', allow: ['join', 'publish'] }]);
  }

  tokenFor(user: string, rooms: TokenRooms): Promise<string> {
    const secret = Buffer.from(readFileSync(this.#cluster.paths.secretFile, 'utf8').trim());
    return mintToken(secret, { user, rooms, ttlMs: TOKEN_TTL_MS, nowMs: Date.now() });
  }

  #shared(role: Role) {
    const { redisUrl, registryUrl } = this.#cluster.proxied;
    const common = {
      ...this.#common(this.#cluster.ports.brokers(role)),
      registry: { url: registryUrl },
      redis: { url: redisUrl },
    };
    return {
      common,
      portBase: this.#cluster.portBase,
      environment: { ...ENVIRONMENT, ...this.#options.environment },
    };
  }

  #common(brokers: readonly string[]) {
    const { prefix, partitions, client } = this.#options;
    return {
      stream: { prefix, partitions, replicationFactor: BROKERS, minInsyncReplicas: BROKERS - 1 },
      kafka: { brokers, client },
    };
  }

  #with(service: Service): Service {
    const { environment = {}, preloads = [] } = this.#options.setting?.(service.name) ?? {};
    const [node = '', ...rest] = service.command;
    return {
      ...service,
      command: [node, ...preloads.flatMap((path) => ['--import', path]), ...rest],
      env: { ...service.env, ...environment },
    };
  }
}

/** Whose proxies a process goes through. */
export function roleOf(process: string): Role {
  if (process.startsWith('gateway-')) return 'gateway';
  return process === 'sequencer-1' ? 'sequencer-1' : 'sequencer-2';
}
