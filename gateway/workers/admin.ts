/**
 * The admin port of a gateway with several workers: what they say, put together.
 *
 * - `/live`: the supervisor lives. Workers are watched by it, not by whoever asks here.
 * - `/ready`: once all workers have served, while at least half of them (rounded up) are ready; 503 before, below, and when draining.
 * - `/health`: each worker's own, and where it stands.
 * - `/metrics`: all workers' and the supervisor's, with the label `worker`.
 */
import { type FastifyInstance, fastify } from 'fastify';
import { METRICS_CONTENT_TYPE, type Metrics } from '../../adapters/telemetry/metrics.ts';
import type { RaisedAlarm } from '../../core/alarms.ts';
import type { Status } from '../server/health.ts';
import { listen } from '../server/listen.ts';
import { mergeExpositions } from './exposition.ts';
import { askWorker } from './watch.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Value of the label `worker` in the supervisor's own metrics. */
const SUPERVISOR = 'supervisor';
/** A worker that takes longer counts as not ready: probes themselves wait for about 3 s. */
const READY_TIMEOUT_MS = 2_000;

type ShownWorker = Pick<WorkerProcess, 'name' | 'state' | 'pid' | 'restarts' | 'adminUrl'>;

export interface WorkersAdminOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly workers: readonly ShownWorker[];
  readonly metrics: Metrics;
  /** Whether all of them have served. */
  readonly started: () => boolean;
  readonly draining: () => boolean;
}

/** Throws `port_taken`, `config_invalid`. */
export async function serveWorkersAdmin(
  options: WorkersAdminOptions,
): Promise<{ readonly app: FastifyInstance; readonly url: string }> {
  const { host, port } = options;
  const app = fastify({ logger: false, forceCloseConnections: true });
  app.get('/live', async () => ({ status: 'live' }));
  app.get('/ready', async (_request, reply) => {
    const reason = await notReady(options);
    if (reason === null) return { status: 'ready' };
    reply.code(503);
    return { status: 'not ready', reason };
  });
  app.get('/health', () => health(options));
  app.get('/metrics', async (_request, reply) => {
    reply.type(METRICS_CONTENT_TYPE);
    return await metricsOf(options);
  });
  return { app, url: await listen(app, { host, port, key: 'gateway.adminPort' }) };
}

/** Those that have to be ready, of this many. */
export const quorumOf = (workers: number): number => Math.ceil(workers / 2);

async function notReady({ workers, started, draining }: WorkersAdminOptions): Promise<string | null> {
  if (draining()) return 'draining';
  const answers = await Promise.all(workers.map((worker) => askWorker(worker, '/ready', READY_TIMEOUT_MS)));
  const ready = answers.filter((answer) => answer?.ok === true).length;
  const wanted = started() ? quorumOf(workers.length) : workers.length;
  if (ready >= wanted) return null;
  const reasons = workers.flatMap(({ name, state }, index) => {
    const answer = answers[index] ?? null;
    if (answer?.ok === true) return [];
    return [`${name}: ${answer === null ? `${state}, no answer` : reasonIn(answer.text)}`];
  });
  return `${ready} of ${workers.length} workers are ready, ${wanted} are needed (${reasons.join('; ')})`;
}

function reasonIn(body: string): string {
  const { reason } = JSON.parse(body) as { reason?: unknown };
  return String(reason ?? 'not ready');
}

interface WorkerHealth {
  readonly alarms?: readonly RaisedAlarm[];
  readonly connections?: number;
}

async function health(options: WorkersAdminOptions): Promise<object> {
  const { name, workers } = options;
  const [reason, reports] = await Promise.all([
    notReady(options),
    Promise.all(
      workers.map(async (worker) => {
        const { name: gateway, state, pid, restarts } = worker;
        const answer = await askWorker(worker, '/health');
        const report = answer === null ? { status: 'silent' } : (JSON.parse(answer.text) as WorkerHealth);
        return { gateway, state, pid, restarts, ...report };
      }),
    ),
  ]);
  const told = reports as readonly (WorkerHealth & { readonly gateway: string })[];
  return {
    status: statusOf({ ...options, reason }),
    ...(reason === null ? {} : { reason }),
    gateway: name,
    connections: told.reduce((sum, { connections }) => sum + (connections ?? 0), 0),
    alarms: told.flatMap(({ gateway, alarms }) => (alarms ?? []).map((alarm) => ({ ...alarm, gateway }))),
    workers: reports,
  };
}

function statusOf({
  draining,
  started,
  reason,
}: Pick<WorkersAdminOptions, 'draining' | 'started'> & { reason: string | null }): Status {
  if (draining()) return 'draining';
  if (reason === null) return 'ok';
  return started() ? 'not ready' : 'starting';
}

/** Of those that answer in time. */
async function metricsOf({ workers, metrics }: WorkersAdminOptions): Promise<string> {
  const [own, ...answers] = await Promise.all([
    metrics.render(),
    ...workers.map((worker) => askWorker(worker, '/metrics')),
  ]);
  const theirs = workers.flatMap(({ name }, index) => {
    const answer = answers[index] ?? null;
    return answer?.ok === true ? [{ worker: name, text: answer.text }] : [];
  });
  return mergeExpositions([...theirs, { worker: SUPERVISOR, text: own }]);
}
