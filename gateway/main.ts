/** A gateway process: the only place where everything meets. Opens its ports, reaches Kafka and the registry, folds, serves, drains. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { openKafkaLog } from '../adapters/kafka/kafka-log.ts';
import { kafkaMetrics } from '../adapters/kafka/kafka-metrics.ts';
import { watchTopics } from '../adapters/kafka/topic-watch.ts';
import { checkTopics } from '../adapters/kafka/topics.ts';
import { createRedisStores, type RedisStores } from '../adapters/redis/stores.ts';
import { openCodec } from '../adapters/registry/open-codec.ts';
import { Registry } from '../adapters/registry/registry.ts';
import { watchHeap } from '../adapters/runtime/large-heap.ts';
import { openAlarms } from '../adapters/telemetry/alarms.ts';
import { createLogger, type Logger } from '../adapters/telemetry/log.ts';
import { createMetrics, type Metrics } from '../adapters/telemetry/metrics.ts';
import { observeProcess } from '../adapters/telemetry/process-metrics.ts';
import type { Alarms } from '../core/alarms.ts';
import { readBindings } from '../core/config/bindings.ts';
import type { Config } from '../core/config/schema.ts';
import { asRoomlogError, RoomlogError } from '../core/errors.ts';
import { topicsOf } from '../core/names.ts';
import { type Clock, systemClock } from '../core/ports/clock.ts';
import type { EventLog } from '../core/ports/event-log.ts';
import type { SubjectStore } from '../core/ports/subject-store.ts';
import type { Codec } from '../schemas/codec.ts';
import { awaitSchemas } from './binding/await-schemas.ts';
import { BoundEvents } from './binding/bound-events.ts';
import { registerDemo } from './demo/demo.ts';
import { ORIGIN_TAG_BYTES, PendingPublishes } from './publish/pending.ts';
import { type AdminServer, serveAdmin } from './server/admin.ts';
import { Edge } from './server/edge.ts';
import { statusOf } from './server/health.ts';
import type { RoomStream } from './stream.ts';
import { createRoomStream } from './tail/room-stream.ts';

/** Pause between two looks at topics that can't be reached. */
const RETRY_MS = 500;

export interface RunningGateway {
  /** Base URLs of the public and the admin port, without a path. */
  readonly url: string;
  readonly adminUrl: string;
  /** Drains, then closes everything. */
  stop(): Promise<void>;
}

/** What a gateway reaches beyond itself; tests bring their own. */
export interface GatewayDependencies {
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  readonly clock?: Clock;
  readonly openLog?: () => Promise<EventLog>;
  readonly openCodec?: () => Promise<Codec>;
  readonly stores?: RedisStores;
  /** Where the schemas of bound events are. */
  readonly subjects?: SubjectStore;
  /** Told the base URL of the admin port as soon as that answers. */
  readonly onAdmin?: (url: string) => void;
}

/**
 * Resolves when outbound has been folded to its end and clients are served; `/live` answers from the start. Waits for Kafka and
 * the registry while they are away. Throws `port_taken`, `config_invalid`, `topic_missing`, `partition_mismatch`,
 * `schema_incompatible`, `stream_mismatch`, `fold_halted`.
 */
export async function startGateway(config: Config, dependencies: GatewayDependencies = {}): Promise<RunningGateway> {
  const gateway = new Gateway(config, dependencies);
  try {
    await gateway.start();
  } catch (thrown) {
    await gateway.close();
    throw thrown;
  }
  return gateway;
}

class Gateway implements RunningGateway {
  readonly #config: Config;
  readonly #dependencies: GatewayDependencies;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #clock: Clock;
  readonly #edge: Edge;
  readonly #registry: Registry;
  readonly #bound: BoundEvents;
  readonly #stores: RedisStores;
  readonly #alarms: Alarms;
  #stopWatching: () => void = () => {};
  readonly #stopObserving: () => void;
  readonly #stopWatchingHeap: () => void;
  #admin: AdminServer | null = null;
  #log: EventLog | null = null;
  #stream: RoomStream | null = null;

  constructor(config: Config, dependencies: GatewayDependencies) {
    const { clock = systemClock, metrics = createMetrics() } = dependencies;
    this.#config = config;
    this.#dependencies = dependencies;
    this.#clock = clock;
    this.#metrics = metrics;
    this.#logger = dependencies.logger ?? createLogger(config, { name: config.gateway.name });
    this.#registry = new Registry(config.registry);
    this.#bound = this.#createBound();
    this.#alarms = openAlarms(this.#logger, clock, metrics);
    this.#stores = dependencies.stores ?? createRedisStores(config, this.#logger, { clock, metrics: this.#metrics });
    const secret = readSecret(config);
    const auth = { ...config.auth, secret: secret.toString('utf8') };
    const routes = config.demo.enabled
      ? (app: FastifyInstance) => registerDemo(app, { config: { auth }, clock })
      : null;
    this.#edge = new Edge({ config, secret, clock, logger: this.#logger, metrics, routes });
    this.#stopObserving = observeProcess(metrics);
    this.#stopWatchingHeap = watchHeap().stop;
  }

  get url(): string {
    return this.#edge.url;
  }

  get adminUrl(): string {
    return this.#admin?.url ?? '';
  }

  async start(): Promise<void> {
    const { adminHost: host, adminPort: port, workers } = this.#config.gateway;
    // A port that others share is opened once clients are served: until then the kernel gives those to others.
    const isShared = workers > 1;
    if (!isShared) await this.#edge.listen();
    const report = () => this.#report();
    this.#admin = await serveAdmin({ host, port, health: this.#edge, metrics: this.#metrics, report });
    this.#dependencies.onAdmin?.(this.adminUrl);
    const topics = topicsOf(this.#config.stream.prefix);
    this.#edge.stage = 'waiting for the schema registry';
    const plainCodec = await this.#openCodec();
    await this.#bound.start();
    const codec = awaitSchemas(plainCodec, this.#bound);
    this.#edge.stage = 'waiting for Kafka';
    const log = await this.#openLog();
    this.#log = log;
    await this.#checkTopics(log);
    this.#stopWatching = watchTopics({ log, topics, partitions: this.#config.stream.partitions, alarms: this.#alarms });
    const { presence, ephemeral, connections: registry } = this.#stores;
    // None of these waits for a Redis that is away.
    await Promise.all([presence.start(), ephemeral.start(), registry.start()]);
    const originTag = randomBytes(ORIGIN_TAG_BYTES);
    const pending = new PendingPublishes(originTag);
    const stream = createRoomStream({
      log,
      codec,
      topics,
      partitions: this.#config.stream.partitions,
      originTag,
      outcomes: pending,
      config: this.#config,
      logger: this.#logger,
      metrics: this.#metrics,
      clock: this.#clock,
      alarms: this.#alarms,
    });
    this.#stream = stream;
    const bound = this.#bound;
    this.#edge.serve({
      log,
      inboundTopic: topics.inbound,
      codec,
      bound,
      pending,
      stream,
      presence,
      ephemeral,
      registry,
    });
    await stream.start();
    if (isShared) await this.#edge.listen();
    this.#logger.info({ url: this.url, admin: this.adminUrl }, 'gateway serves');
  }

  async stop(): Promise<void> {
    await this.#edge.drain();
    await this.close();
  }

  async close(): Promise<void> {
    this.#stopWatching();
    this.#bound.stop();
    await this.#edge.close();
    await this.#stream?.stop();
    const { presence, ephemeral, connections } = this.#stores;
    await Promise.all([presence.stop(), ephemeral.stop(), connections.stop()]);
    await this.#log?.close();
    await this.#admin?.app.close();
    this.#stopObserving();
    this.#stopWatchingHeap();
    if (this.#dependencies.metrics === undefined) await this.#metrics.shutdown();
  }

  #openCodec(): Promise<Codec> {
    return this.#dependencies.openCodec?.() ?? openCodec(this.#config, this.#logger, { registry: this.#registry });
  }

  #createBound(): BoundEvents {
    const { boundEvents, refreshMs } = this.#config.registry;
    const opaque = this.#metrics.counter(
      'roomlog_bound_events_opaque_total',
      'Events of bound names that could not be turned into JSON, and were delivered as they are.',
    );
    return new BoundEvents({
      bindings: readBindings(boundEvents),
      store: this.#dependencies.subjects ?? this.#registry,
      refreshMs,
      clock: this.#clock,
      logger: this.#logger,
      onOpaque: () => opaque.add(),
    });
  }

  #openLog(): Promise<EventLog> {
    const clientId = `${this.#config.kafka.clientId}-${this.#config.gateway.name}`;
    return (
      this.#dependencies.openLog?.() ??
      openKafkaLog(this.#config, {
        clientId,
        logger: this.#logger,
        metrics: kafkaMetrics(this.#metrics),
        clock: this.#clock,
        connect: 'background',
      })
    );
  }

  /** Waits for Kafka for as long as it takes. Throws `topic_missing`, `partition_mismatch`. */
  async #checkTopics(log: EventLog): Promise<void> {
    for (;;) {
      try {
        await checkTopics(log, topicsOf(this.#config.stream.prefix), this.#config.stream.partitions);
        return;
      } catch (thrown) {
        const error = asRoomlogError(thrown, 'kafka_unreachable');
        if (!error.definition.retryable) throw error;
        this.#logger.warn({ code: error.code }, 'waiting for Kafka');
      }
      await sleep(RETRY_MS);
    }
  }

  async #report(): Promise<object> {
    const reason = this.#edge.notReady();
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    const registry = await this.#registry.ping().then(
      () => true,
      () => false,
    );
    return {
      status: statusOf(this.#edge),
      ...(reason === null ? {} : { reason }),
      gateway: this.#config.gateway.name,
      connections: this.#edge.connections.size,
      stream: this.#stream?.stats() ?? null,
      alarms: this.#alarms.raised(),
      kafka: { client: this.#config.kafka.client, reachable: this.#log?.reachable() ?? false },
      redis: { reachable: this.#stores.presence.available, circuit: this.#stores.circuit?.() ?? null },
      publishing: this.#edge.publishing,
      registry: { reachable: registry },
      memory: { rssBytes: rss, heapUsedBytes: heapUsed },
      cpu: { userMs: user / 1_000, systemMs: system / 1_000 },
    };
  }
}

/** Throws `config_invalid`. */
function readSecret({ auth: { secret, secretFile } }: Config): Buffer {
  if (secret !== undefined) return Buffer.from(secret, 'utf8');
  if (secretFile === undefined) {
    throw new RoomlogError('config_invalid', 'A gateway needs auth.secret or auth.secretFile.');
  }
  try {
    return Buffer.from(readFileSync(secretFile, 'utf8').trim(), 'utf8');
  } catch (cause) {
    throw new RoomlogError('config_invalid', `auth.secretFile: ${secretFile} can not be read.`, { cause });
  }
}
