/**
 * `gateway.workers` above 1: as many gateways on one port, each a process of its own with one event loop, and this one, which starts, watches and
 * stops them and shows them on one admin port. It never touches a client: the kernel spreads connections over whoever listens (SO_REUSEPORT), and
 * a worker listens while it serves.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { createLogger, type Logger } from '../../adapters/telemetry/log.ts';
import { createMetrics, type Metrics } from '../../adapters/telemetry/metrics.ts';
import { observeProcess } from '../../adapters/telemetry/process-metrics.ts';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import { FLUSH_MS, LINGER_MS } from '../drain.ts';
import type { RunningGateway } from '../main.ts';
import { portTaken } from '../server/listen.ts';
import { serveWorkersAdmin } from './admin.ts';
import { watchWorkers } from './watch.ts';
import { WorkerProcess, type WorkerState } from './worker-process.ts';

/** Beyond its drain: to leave Kafka and Redis in order. */
const CLOSE_MS = 10_000;
const STATES: readonly WorkerState[] = ['starting', 'serving', 'waiting', 'stopped'];

/**
 * Resolves when all workers serve. Throws what a gateway throws at its start, of the first worker that fails; after that, a worker that ends is
 * started again.
 */
export async function startWorkers(config: Config): Promise<RunningGateway> {
  if (process.platform !== 'linux') {
    throw new RoomlogError(
      'config_invalid',
      `gateway.workers: several workers on one port need Linux, not ${process.platform}; set gateway.workers to 1 and start one gateway per core, each with its own gateway.name, gateway.port and gateway.adminPort.`,
    );
  }
  const supervisor = new Supervisor(config);
  try {
    await supervisor.start();
  } catch (thrown) {
    await supervisor.stop();
    throw thrown;
  }
  return supervisor;
}

/** What each of the workers is started with: names are unique, and the admin port is any free one of this machine. */
export function workerConfigs(config: Config): Config[] {
  const { gateway } = config;
  return Array.from({ length: gateway.workers }, (_, index) => ({
    ...config,
    gateway: { ...gateway, name: `${gateway.name}-${index + 1}`, adminHost: '127.0.0.1', adminPort: 0 },
  }));
}

class Supervisor implements RunningGateway {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #metrics: Metrics;
  readonly #workers: readonly WorkerProcess[];
  readonly #stopObserving: () => void;
  #stopWatching: () => void = () => {};
  #admin: { readonly app: FastifyInstance; readonly url: string } | null = null;
  #started = false;
  #draining = false;

  constructor(config: Config) {
    this.#config = config;
    this.#logger = createLogger(config, { name: config.gateway.name });
    this.#metrics = createMetrics();
    this.#stopObserving = observeProcess(this.#metrics);
    const restarts = this.#metrics.counter(
      'roomlog_worker_restarts_total',
      'Workers that ended and were started again.',
    );
    this.#workers = workerConfigs(config).map(
      (own) => new WorkerProcess({ config: own, logger: this.#logger, onRestart: () => restarts.add() }),
    );
    restarts.add(0);
    this.#metrics.gauge('roomlog_workers', 'Workers of this gateway, by state.', () =>
      STATES.map((state) => [this.#workers.filter((worker) => worker.state === state).length, { state }] as const),
    );
  }

  get url(): string {
    const { host, port } = this.#config.gateway;
    return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  get adminUrl(): string {
    return this.#admin?.url ?? '';
  }

  async start(): Promise<void> {
    const { name, host, port, adminHost, adminPort } = this.#config.gateway;
    await checkPortFree(host, port);
    this.#admin = await serveWorkersAdmin({
      name,
      host: adminHost,
      port: adminPort,
      workers: this.#workers,
      metrics: this.#metrics,
      started: () => this.#started,
      draining: () => this.#draining,
    });
    this.#stopWatching = watchWorkers(this.#workers);
    await Promise.all(this.#workers.map((worker) => worker.start()));
    this.#started = true;
    this.#logger.info({ url: this.url, admin: this.adminUrl, workers: this.#workers.length }, 'all workers serve');
  }

  /** All of them drain at the same time, each within the budget of one. */
  async stop(): Promise<void> {
    const { drainDelayMs, drainWindowMs } = this.#config.gateway;
    this.#draining = true;
    this.#stopWatching();
    const withinMs = drainDelayMs + drainWindowMs + FLUSH_MS + LINGER_MS + CLOSE_MS;
    await Promise.all(this.#workers.map((worker) => worker.stop(withinMs)));
    await this.#admin?.app.close();
    this.#stopObserving();
    await this.#metrics.shutdown();
  }
}

/** Workers share the port, and would share it with a stranger of the same user as well. Throws `port_taken`. */
async function checkPortFree(host: string, port: number): Promise<void> {
  const probe = createServer();
  try {
    probe.listen({ host, port, exclusive: true });
    await once(probe, 'listening');
  } catch (cause) {
    throw portTaken(cause, { host, port, key: 'gateway.port' });
  }
  probe.close();
  await once(probe, 'close');
}
