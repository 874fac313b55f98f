/** The public port's HTTP side: probes, and JSON errors for the rest. WebSockets come in through `upgrade.ts`. */
import { type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { asRoomlogError, ERRORS, type ErrorCode, RoomlogError } from '../../core/errors.ts';
import { type Health, statusOf } from './health.ts';
import { listen } from './listen.ts';

export interface HttpOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** See ListenOptions. */
  readonly shared: boolean;
  readonly health: Health;
  /** Adds routes of other parts (the demo page). */
  readonly routes: ((app: FastifyInstance) => void) | null;
}

/** From the first byte of a connection to the end of its headers. */
export const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
/** How often those two are looked at. */
const TIMEOUT_CHECK_MS = 2_000;
const KEEP_ALIVE_MS = 10_000;
const MAX_BODY_BYTES = 1_048_576;
/** A room of 200 bytes, each percent-encoded, with room to spare. */
const MAX_PARAM_LENGTH = 1_000;

/** Told whoever sends a token where logs see it. */
export const TOKEN_IN_URL = 'A token does not belong into a URL: send it in hello.';

export interface HttpServer {
  readonly app: FastifyInstance;
  readonly url: string;
}

/** Throws `port_taken`, `config_invalid`. */
export async function serveHttp({ host, port, shared, health, routes }: HttpOptions): Promise<HttpServer> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_MS,
      // Any other upgrade (h2c) is an ordinary request.
      shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === 'websocket',
    },
  });
  app.setNotFoundHandler((_request, reply) => {
    void reply.code(404).send({ code: 'not_found', message: 'There is nothing at this path.' });
  });
  app.setErrorHandler((thrown, _request, reply) => sendThrown(reply, thrown));
  addProbes(app, health);
  addBareHealth(app, health);
  app.get<{ Querystring: Record<string, unknown> }>('/v1/ws', (request, reply) => {
    if (request.query.token !== undefined) {
      void reply.code(400).send({ code: 'bad_frame', message: TOKEN_IN_URL });
      return;
    }
    void reply
      .code(426)
      .header('upgrade', 'websocket')
      .send({ code: 'bad_frame', message: 'This is a WebSocket endpoint: send an upgrade request.' });
  });
  for (const method of ['GET', 'POST'] as const) {
    app.route({
      method,
      url: '/v1/rooms/:room/events',
      handler: (_request, reply) => sendError(reply, 'not_implemented'),
    });
  }
  routes?.(app);
  const url = await listen(app, { host, port, key: 'gateway.port', shared });
  return { app, url };
}

/** `/live` and `/ready`: the same on both ports. */
export function addProbes(app: FastifyInstance, health: Health): void {
  app.get('/live', async () => ({ status: 'live' }));
  app.get('/ready', async (_request, reply) => {
    const reason = health.draining ? 'draining' : health.notReady();
    if (reason === null) return { status: 'ready' };
    reply.code(503);
    return { status: 'not ready', reason };
  });
}

/** The bare `/health`: nothing that a stranger could use. */
function addBareHealth(app: FastifyInstance, health: Health): void {
  app.get('/health', async (_request, reply) => {
    const status = statusOf(health);
    if (status !== 'ok') reply.code(503);
    return { status };
  });
}

function sendError(reply: FastifyReply, code: ErrorCode): void {
  void reply.code(ERRORS[code].status).send({ code, message: ERRORS[code].message });
}

/** Fastify's own errors (a broken path, too large a body) keep their status; nothing internal is told. */
function sendThrown(reply: FastifyReply, thrown: unknown): void {
  const status = (thrown as { statusCode?: unknown }).statusCode;
  if (!(thrown instanceof RoomlogError) && typeof status === 'number' && status >= 400 && status < 500) {
    const code = status === 413 ? 'too_large' : 'bad_frame';
    void reply.code(status).send({ code, message: 'The request can not be read.' });
    return;
  }
  const { code, message, definition } = asRoomlogError(thrown, 'unavailable');
  void reply
    .code(definition.status)
    .send({ code, message: thrown instanceof RoomlogError ? message : definition.message });
}
