/** The sequencer's admin port: probes, full health, metrics. It has no public one. */
import { type FastifyInstance, fastify } from 'fastify';
import { METRICS_CONTENT_TYPE, type Metrics } from '../../adapters/telemetry/metrics.ts';
import { RoomlogError } from '../../core/errors.ts';

export interface AdminOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly metrics: Metrics;
  /** Why this process is not ready; null when it is. */
  notReady(): string | null;
  health(): object;
}

export interface AdminServer {
  readonly url: string;
  close(): Promise<void>;
}

/** Throws `port_taken`, `config_invalid` (an address that is not this machine's). */
export async function serveAdmin(options: AdminOptions): Promise<AdminServer> {
  const server = fastify({ logger: false, forceCloseConnections: true });
  routes(server, options);
  try {
    const url = await server.listen({ host: options.host, port: options.port });
    return { url, close: () => server.close() };
  } catch (thrown) {
    const { code } = thrown as { code?: unknown };
    const where = `${options.host}:${options.port}`;
    if (code === 'EADDRINUSE') {
      throw new RoomlogError('port_taken', `The admin port ${where} is in use; change sequencer.adminPort.`, {
        cause: thrown,
      });
    }
    throw new RoomlogError('config_invalid', `Can’t listen on ${where}; check sequencer.adminHost.`, { cause: thrown });
  }
}

function routes(server: FastifyInstance, { metrics, notReady, health }: AdminOptions): void {
  server.get('/live', async () => ({ status: 'live' }));
  server.get('/ready', async (_request, reply) => {
    const reason = notReady();
    if (reason !== null) reply.code(503);
    return reason === null ? { status: 'ready' } : { status: 'not ready', reason };
  });
  server.get('/health', async () => health());
  server.get('/metrics', async (_request, reply) => {
    reply.type(METRICS_CONTENT_TYPE);
    return metrics.render();
  });
}
