/** The admin port: probes, full health, metrics. Never exposed. */
import { type FastifyInstance, fastify } from 'fastify';
import { METRICS_CONTENT_TYPE, type Metrics } from '../../adapters/telemetry/metrics.ts';
import type { Health } from './health.ts';
import { addProbes } from './http.ts';
import { listen } from './listen.ts';

export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly health: Health;
  readonly metrics: Metrics;
  /** The whole of `/health`: status, gateway, connections, kafka, redis, registry, memory, cpu. */
  readonly report: () => Promise<object>;
}

export interface AdminServer {
  readonly app: FastifyInstance;
  readonly url: string;
}

/** Throws `port_taken`, `config_invalid`. */
export async function serveAdmin({ host, port, health, metrics, report }: AdminOptions): Promise<AdminServer> {
  const app = fastify({ logger: false, forceCloseConnections: true });
  addProbes(app, health);
  app.get('/health', report);
  app.get('/metrics', async (_request, reply) => {
    reply.type(METRICS_CONTENT_TYPE);
    return metrics.render();
  });
  const url = await listen(app, { host, port, key: 'gateway.adminPort' });
  return { app, url };
}
