/**
 * What Roomlog's connections are compared with. Socket.IO: WebSocket only, no compression, no client files, no engine timeouts beyond its defaults, the
 * first HTTP request let go as its documentation advises for memory; tokens verified in a middleware by Roomlog's own verifier, which is quicker than
 * `jose` or `jsonwebtoken`. Bare `ws`: sockets; then the least that can be done for Roomlog's two commands: JSON parsed, the token verified, an answer of the
 * same length.
 */
import { createServer } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import { systemClock } from '../../core/ports/clock.ts';
import { TokenVerifier } from '../../gateway/auth/token.ts';
import { openSocketIo } from '../support/socket-io.ts';
import type { PeerJob } from './messages.ts';

/** As much of Socket.IO as is used. */
interface SocketIo {
  readonly engine: { on(event: 'connection', listener: (raw: { request: unknown }) => void): void };
  use(middleware: (socket: IoSocket, next: (error?: Error) => void) => void): void;
  on(event: 'connection', listener: (socket: IoSocket) => void): void;
}
interface IoSocket {
  readonly handshake: { readonly auth: { readonly token?: string } };
  data: { user?: string | undefined };
  on(event: 'join', listener: (room: string) => void): void;
  join(room: string): Promise<void> | void;
  emit(event: 'joined', room: string): void;
}

const job = JSON.parse(process.argv[2] ?? '{}') as PeerJob;
const server = createServer();

const verifier = new TokenVerifier({ secret: Buffer.from(job.secret), clockToleranceMs: 5_000, clock: systemClock });

async function socketIo(): Promise<void> {
  const io = await openSocketIo<SocketIo>(server);
  io.engine.on('connection', (raw) => {
    raw.request = null;
  });
  io.use((socket, next) => {
    verifier.verify(socket.handshake.auth.token ?? '').then(
      ({ user }) => {
        socket.data.user = user;
        next();
      },
      () => next(new Error('unauthorized')),
    );
  });
  io.on('connection', (socket) => {
    socket.on('join', (room) => {
      void socket.join(room);
      socket.emit('joined', room);
    });
  });
}

/** As long as Roomlog's `welcome`, and as `joined` and `live` together. */
const WELCOME = `{"type":"welcome"`.padEnd(330, ' ');
const JOINED = `{"type":"live"`.padEnd(180, ' ');

function bareWs(): void {
  const websockets = new WebSocketServer({ server, clientTracking: false, perMessageDeflate: false });
  websockets.on('connection', (websocket) => {
    websocket.on('error', () => {});
    websocket.on('message', answer);
  });
}

async function answer(this: WebSocket, bytes: Buffer): Promise<void> {
  const { type, token } = JSON.parse(bytes.toString()) as { type: string; token?: string };
  if (type === 'hello') await verifier.verify(token ?? '');
  this.send(type === 'hello' ? WELCOME : JOINED);
}

if (job.side === 'socket.io') await socketIo();
else bareWs();
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
server.listen(job.port, '127.0.0.1', () => process.send?.('ready'));
