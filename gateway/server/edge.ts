/**
 * The edge of a gateway, put together: the public port, its WebSockets, publishing. It opens its port early, so that probes are answered
 * while the log is still being folded, and takes upgrades once the stream is there.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../../adapters/telemetry/metrics.ts';
import type { Config } from '../../core/config/schema.ts';
import { gatewayId } from '../../core/ids.ts';
import { SlowClients } from '../../core/limits/slow-clients.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { ConnectionRegistry } from '../../core/ports/connection-registry.ts';
import type { EphemeralBus } from '../../core/ports/ephemeral-bus.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { PresenceStore } from '../../core/ports/presence-store.ts';
import type { Codec } from '../../schemas/codec.ts';
import { OriginList } from '../auth/origin.ts';
import { TokenVerifier } from '../auth/token.ts';
import type { BoundEvents } from '../binding/bound-events.ts';
import { AcceptPace } from '../connection/accept-pace.ts';
import { Connections } from '../connection/connections.ts';
import type { Services } from '../connection/services.ts';
import { WriteTurn } from '../connection/write-turn.ts';
import { drain } from '../drain.ts';
import { PresenceRooms } from '../presence/presence-rooms.ts';
import { MessageDeflate } from '../protocol/deflate.ts';
import { createEncodings } from '../protocol/encodings.ts';
import { EphemeralRooms } from '../publish/ephemeral-rooms.ts';
import type { PendingPublishes } from '../publish/pending.ts';
import { Publisher, type PublisherStats } from '../publish/publish.ts';
import type { RoomStream } from '../stream.ts';
import { Addresses } from './addresses.ts';
import { EdgeMetrics, observePublisher } from './edge-metrics.ts';
import type { Health } from './health.ts';
import { type HttpServer, serveHttp } from './http.ts';
import { randomPool } from './random-pool.ts';
import { acceptUpgrades } from './upgrade.ts';

export interface EdgeOptions {
  readonly config: Config;
  readonly secret: Uint8Array;
  readonly clock: Clock;
  readonly logger: LogSink;
  readonly metrics: Metrics;
  /** Adds routes of other parts to the public port. */
  readonly routes: ((app: FastifyInstance) => void) | null;
}

/** What the edge works with once Kafka and the registry have been reached. */
export interface EdgeBackends {
  readonly log: EventLog;
  readonly inboundTopic: string;
  readonly codec: Pick<Codec, 'encodeInbound'>;
  readonly bound: BoundEvents;
  readonly pending: PendingPublishes;
  readonly stream: RoomStream;
  readonly presence: PresenceStore;
  readonly ephemeral: EphemeralBus;
  readonly registry: ConnectionRegistry;
}

export class Edge implements Health {
  readonly connections: Connections;
  readonly #options: EdgeOptions;
  readonly #verifier: TokenVerifier;
  readonly #metrics: EdgeMetrics;
  #http: HttpServer | null = null;
  #services: Services | null = null;
  #publisher: Publisher | null = null;
  #stage = 'starting';
  #wasReady = false;
  #draining = false;
  #accepting = true;

  /** Throws `config_invalid` for a secret that is too short. */
  constructor(options: EdgeOptions) {
    const { config, secret, clock, metrics } = options;
    const { issuer, audience, clockToleranceMs } = config.auth;
    this.#options = options;
    this.#verifier = new TokenVerifier({ secret, issuer, audience, clockToleranceMs, clock });
    this.connections = new Connections(config.gateway.maxConnections, config.gateway.maxConnectionsPerUser);
    this.#metrics = new EdgeMetrics(metrics);
    metrics.gauge('websocket_connections', 'Open WebSocket connections.', () => this.connections.size);
  }

  get draining(): boolean {
    return this.#draining;
  }

  get accepting(): boolean {
    return this.#accepting;
  }

  /** Base URL of the public port. */
  get url(): string {
    return this.#http?.url ?? '';
  }

  /** What is waited for before the stream is there. */
  set stage(text: string) {
    this.#stage = text;
  }

  /** null before it serves. */
  get publishing(): PublisherStats | null {
    return this.#publisher?.stats() ?? null;
  }

  notReady(): string | null {
    const reason = this.#services === null ? this.#stage : this.#services.stream.notReadyReason;
    if (reason === null) this.#wasReady = true;
    return reason;
  }

  /** As probes and upgrades found it. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** Answers probes from now on, and upgrades with 503. Throws `port_taken`, `config_invalid`. */
  async listen(): Promise<void> {
    const { config, routes } = this.#options;
    const { host, port, maxFrameBytes, maxConnectionsPerAddress, compression, compressionMinBytes } = config.gateway;
    this.#http = await serveHttp({ host, port, shared: config.gateway.workers > 1, health: this, routes });
    acceptUpgrades({
      server: this.#http.app.server,
      maxFrameBytes,
      deflate: compression ? new MessageDeflate(compressionMinBytes) : null,
      services: () => this.#services,
      metrics: this.#metrics,
      health: this,
      origins: new OriginList(config.auth.allowedOrigins),
      addresses: maxConnectionsPerAddress === 0 ? null : new Addresses(maxConnectionsPerAddress),
      cookie: config.auth.cookie,
    });
  }

  /** Takes clients from now on, as soon as the stream is ready. */
  serve(backends: EdgeBackends): void {
    const { config, clock, logger, metrics } = this.#options;
    const { pending, stream, presence, ephemeral, registry, bound } = backends;
    const publisher = this.#createPublisher(backends);
    publisher.start();
    metrics.gauge('roomlog_publish_pending', 'Durable publishes without an answer.', () => pending.size);
    metrics.gauge(
      'roomlog_publish_forged',
      'Events in the log that bore the identity of a publish of this gateway and other content.',
      () => pending.forged,
    );
    observePublisher(metrics, publisher);
    this.#publisher = publisher;
    this.#services = {
      gateway: gatewayId(config.gateway.name),
      limits: config.gateway,
      sessionMaxAgeMs: config.sequencer.sessionMaxAgeMs,
      heartbeat: {
        intervalMs: config.gateway.pingIntervalMs,
        timeoutMs: config.gateway.pongTimeoutMs,
        busyTimeoutMs: new SlowClients(config.gateway).longestTimeoutMs,
      },
      clock,
      random: randomPool(),
      logger,
      metrics: this.#metrics,
      verifier: this.#verifier,
      connections: this.connections,
      turn: new WriteTurn(),
      registry,
      pace: new AcceptPace(config.gateway, clock, metrics),
      stream,
      publisher,
      encodings: createEncodings((event) => bound.jsonOf(event)),
      bound,
      presence: new PresenceRooms(presence, logger),
      ephemeral: new EphemeralRooms(ephemeral, stream),
    };
  }

  #createPublisher({ log, inboundTopic, codec, pending, stream }: EdgeBackends): Publisher {
    const { config, clock } = this.#options;
    return new Publisher({
      log,
      topic: inboundTopic,
      partitions: config.stream.partitions,
      encode: (event) => codec.encodeInbound(event),
      pending,
      stream,
      clock,
      limits: config.gateway,
      onFailedTry: (status) => this.#metrics.appendFailed(status),
      onLimit: (what) => this.#metrics.atLimit(what),
      onOpened: () => this.#metrics.appendCircuitOpened(),
    });
  }

  /** Not ready; then no new clients; then none at all. The port stays open for probes until `close`. */
  async drain(): Promise<void> {
    if (this.#draining) return;
    const { drainDelayMs, drainWindowMs } = this.#options.config.gateway;
    this.#draining = true;
    if (drainDelayMs > 0 && this.connections.size > 0) await sleep(drainDelayMs);
    this.#accepting = false;
    await drain(this.connections, { windowMs: drainWindowMs, reason: 'restart' });
    this.#services?.publisher.stop();
  }

  async close(): Promise<void> {
    this.#accepting = false;
    for (const connection of [...this.connections]) connection.terminate();
    this.#services?.publisher.stop();
    this.#services?.pace.stop();
    await this.#http?.app.close();
  }
}
