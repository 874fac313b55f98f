/**
 * From an HTTP upgrade request to a `Connection`. All refusals come before the upgrade and are plain HTTP, but for an unknown
 * subprotocol: a browser shows a close code only of an opened socket.
 *
 *     path 404 → token in URL 400 → Origin 403 → draining, not ready, full 503 → address 429 → in line 503 → handshake (ws) → subprotocol 4406 → Connection
 */
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ServerOptions, WebSocketServer } from 'ws';
import { ERRORS, type ErrorCode } from '../../core/errors.ts';
import type { OriginList } from '../auth/origin.ts';
import { ClientSocket } from '../connection/client-socket.ts';
import { Connection } from '../connection/connection.ts';
import type { Services } from '../connection/services.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import { takesSharedDeflate } from '../protocol/deflate.ts';
import { DEFAULT_SUBPROTOCOL, SUBPROTOCOLS } from '../protocol/encodings.ts';
import type { SharedDeflate } from '../stream.ts';
import type { Addresses } from './addresses.ts';
import type { EdgeMetrics } from './edge-metrics.ts';
import type { Health } from './health.ts';
import { TOKEN_IN_URL } from './http.ts';

export const WEBSOCKET_PATH = '/v1/ws';
/** What a refused client is told to wait, ms. */
const RETRY_AFTER_MS = 2_000;
/** RFC 6455. */
const WEBSOCKET_VERSION = 13;
/** Fragments of one frame: enough for 4-byte pieces of the largest default frame, too few for a flood. */
const MAX_FRAGMENTS = 16_384;
/** How long a client may take to answer a close frame before its socket is destroyed. */
const CLOSE_TIMEOUT_MS = 5_000;

/** Options of `ws` that its types do not know yet. */
interface ReceiverLimits {
  readonly closeTimeout: number;
  readonly maxFragments: number;
}

export interface UpgradeOptions {
  readonly server: Server;
  readonly maxFrameBytes: number;
  /** null where compression is not negotiated. */
  readonly deflate: SharedDeflate | null;
  /** null until there is a stream to serve from. */
  readonly services: () => Services | null;
  readonly metrics: EdgeMetrics;
  readonly health: Health;
  readonly origins: OriginList;
  /** null where an address may have any number of connections. */
  readonly addresses: Addresses | null;
  /** Name of the cookie that may carry the token; '' for none. */
  readonly cookie: string;
}

export function acceptUpgrades(options: UpgradeOptions): void {
  const { server, health, origins, addresses, cookie, metrics, maxFrameBytes, deflate } = options;
  const receiver: ServerOptions<typeof ClientSocket> & ReceiverLimits = {
    WebSocket: ClientSocket,
    noServer: true,
    clientTracking: false,
    // What the gateway sends is compressed past `ws`, so that it can be shared; what clients send is inflated by `ws`, to `maxPayload` at most.
    perMessageDeflate: deflate === null ? false : { serverNoContextTakeover: true, clientNoContextTakeover: true },
    autoPong: false,
    maxPayload: maxFrameBytes,
    maxFragments: MAX_FRAGMENTS,
    closeTimeout: CLOSE_TIMEOUT_MS,
    handleProtocols: chooseSubprotocol,
  };
  const websockets = new WebSocketServer(receiver);
  // A broken handshake: `ws` names the header at fault, and would answer in HTML.
  websockets.on('wsClientError', ({ message }: Error, socket: Duplex) => {
    metrics.refusedUpgrade(400);
    refuseUpgrade(socket, 400, 'bad_frame', message);
  });

  const deflating = new WeakSet<IncomingMessage>();
  websockets.on('headers', (headers, request) => {
    if (takesSharedDeflate(headers)) deflating.add(request);
  });

  const open = (websocket: ClientSocket, request: IncomingMessage, token: string | null, services: Services): void => {
    const encoding = services.encodings.get(subprotocolOf(request, websocket));
    if (encoding === undefined) {
      rejectSubprotocol(websocket);
      return;
    }
    const handshake = { encoding, deflate: deflating.has(request) ? deflate : null, token };
    new Connection(websocket, request.socket, handshake, services);
  };

  server.on('upgrade', (request, socket, head) => {
    // Without a listener a reset during the handshake would end the process.
    socket.on('error', destroyIt);
    const refuse = (status: number, code: ErrorCode, message?: string, retryAfterMs?: number): void => {
      metrics.refusedUpgrade(status);
      refuseUpgrade(socket, status, code, message, retryAfterMs);
    };
    // Nearly all ask for just that: a URL costs more to read than all else that is looked at here.
    if (request.url !== WEBSOCKET_PATH) {
      const url = readTarget(request.url ?? '');
      if (url?.pathname !== WEBSOCKET_PATH) return refuse(404, 'bad_frame', 'There is no WebSocket at this path.');
      if (url.searchParams.has('token')) return refuse(400, 'bad_frame', TOKEN_IN_URL);
    }
    const cookieToken = cookie === '' ? null : readCookie(request.headers.cookie, cookie);
    const verdict = origins.judge(request.headers.origin, cookieToken !== null);
    if (!verdict.allowed) return refuse(403, 'forbidden', 'This origin is not allowed.');
    if (!health.accepting) return refuse(503, 'draining');
    const services = options.services();
    if (services === null || health.notReady() !== null)
      return refuse(503, 'unavailable', 'This gateway is not ready yet.');
    if (services.connections.full) return refuse(503, 'unavailable', 'This gateway is full.');
    if (addresses !== null) {
      const address = request.socket.remoteAddress ?? '';
      if (!addresses.enter(address)) return refuse(429, 'rate_limited', 'This address has too many connections.');
      exitAtClose(socket, addresses, address);
    }
    const token = readBearer(request.headers.authorization) ?? (verdict.cookieTrusted ? cookieToken : null);
    const awayMs = services.pace.handshakes.enter(() => {
      if (socket.destroyed) return false;
      if (!health.accepting) refuse(503, 'draining');
      else if (services.connections.full) refuse(503, 'unavailable', 'This gateway is full.');
      else websockets.handleUpgrade(request, socket, head, (websocket) => open(websocket, request, token, services));
      return true;
    });
    if (awayMs > 0) refuse(503, 'unavailable', 'Too many clients connect at once.', awayMs);
    return undefined;
  });
}

/*
 * Listeners that stay for the life of a socket are made outside of the handshake's function: there they would keep all that it knows, the request
 * with its headers and the token, about 2 KB a connection.
 */

function destroyIt(this: Duplex): void {
  this.destroy();
}

function exitAtClose(socket: Duplex, addresses: Addresses, address: string): void {
  socket.once('close', () => addresses.exit(address));
}

/** The target of a request: a path, or a whole URL as proxies send it. `//host/path` is a path here, never a host. */
function readTarget(target: string): URL | null {
  return URL.parse(target.startsWith('/') ? `http://gateway${target}` : target);
}

function refuseUpgrade(
  socket: Duplex,
  status: number,
  code: ErrorCode,
  message: string = ERRORS[code].message,
  retryAfterMs: number = RETRY_AFTER_MS,
): void {
  const body = JSON.stringify({ code, message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(status === 503 || status === 429 ? [`Retry-After: ${Math.ceil(retryAfterMs / 1_000)}`] : []),
    // RFC 6455, section 4.2.2: how a client learns which version is spoken.
    ...(status === 400 ? [`Sec-WebSocket-Version: ${WEBSOCKET_VERSION}`] : []),
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** The first offer that is served; else the first of all, so that the client accepts the socket and sees 4406. */
function chooseSubprotocol(offers: Set<string>): string | false {
  for (const offer of offers) if (SUBPROTOCOLS.includes(offer)) return offer;
  for (const first of offers) return first;
  return false;
}

/** `ws` has checked the header's syntax by now, and `protocol` is what was chosen. */
function subprotocolOf(request: IncomingMessage, { protocol }: ClientSocket): string {
  return request.headers['sec-websocket-protocol'] === undefined ? DEFAULT_SUBPROTOCOL : protocol;
}

function rejectSubprotocol(websocket: ClientSocket): void {
  websocket.on('error', () => websocket.terminate());
  websocket.close(CLOSE.unknownSubprotocol, `offer ${SUBPROTOCOLS.join(' or ')}`);
}

function readBearer(header: string | undefined): string | null {
  return header === undefined ? null : (/^bearer +(\S+) *$/i.exec(header)?.[1] ?? null);
}

/** RFC 6265, section 5.4: `name=value; name=value`. */
function readCookie(header: string | undefined, name: string): string | null {
  for (const pair of header?.split(';') ?? []) {
    const equals = pair.indexOf('=');
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return null;
}
