/**
 * One WebSocket's life:
 *
 *     awaiting hello ──hello──▶ verifying ──token good──▶ open ──┐
 *           └───────────────────────┴────────────────────────────┴──▶ closing
 *
 * `frame-reader.ts` makes commands of what the client sends, `commands/` handles them, this sends their answers; each `id` gets exactly one.
 */
import type { Duplex } from 'node:stream';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { ConnectionId, RoomId, SessionId } from '../../core/ids.ts';
import type { PresenceDiff } from '../../core/ports/presence-store.ts';
import type { Principal } from '../auth/token.ts';
import { CLOSE, MAX_CLOSE_REASON_BYTES } from '../protocol/close-codes.ts';
import type { Encoding, Payload } from '../protocol/encoding.ts';
import type { SentType } from '../server/edge-metrics.ts';
import type { SharedDeflate } from '../stream.ts';
import type { Client, ConnectionState } from './client.ts';
import { type ClientSocket, listenTo, type SocketOwner } from './client-socket.ts';
import { Expiry } from './expiry.ts';
import { FrameReader } from './frame-reader.ts';
import { Heartbeat } from './heartbeat.ts';
import { InFlight } from './in-flight.ts';
import { Memberships } from './memberships.ts';
import { Offences } from './offences.ts';
import type { Services } from './services.ts';
import { SocketSink } from './socket-sink.ts';
import { UnansweredPublishes } from './unanswered-publishes.ts';

/** Answers that may pile up for a client that does not read, as a multiple of `slowClientBytes`. */
const MAX_UNREAD_FACTOR = 4;

/** What the handshake has settled. */
export interface Handshake {
  readonly encoding: Encoding;
  /** See Sink.deflate. */
  readonly deflate: SharedDeflate | null;
  /** The token of the upgrade request; one in `hello` overrules it. */
  readonly token: string | null;
}

export class Connection implements Client, SocketOwner {
  readonly id: ConnectionId;
  readonly services: Services;
  readonly sink: SocketSink;
  readonly encoding: Encoding;
  /** The token of the upgrade request; one in `hello` overrules it. */
  readonly upgradeToken: string | null;
  readonly memberships: Memberships;
  readonly publishes: UnansweredPublishes;
  readonly #websocket: ClientSocket;
  readonly reader: FrameReader;
  readonly #offences = new Offences();
  readonly #inFlight = new InFlight();
  readonly #expiry: Expiry;
  readonly #heartbeat: Heartbeat;
  #state: ConnectionState = 'awaiting-hello';
  #helloTimer: NodeJS.Timeout | null;
  #principal: Principal | null = null;
  #session: SessionId | null = null;
  #draining = false;

  constructor(websocket: ClientSocket, socket: Duplex, handshake: Handshake, services: Services) {
    const { encoding, token } = handshake;
    const { limits, clock } = services;
    this.id = Buffer.from(services.random(12)).toString('base64url') as ConnectionId;
    this.services = services;
    this.upgradeToken = token;
    this.encoding = encoding;
    this.#websocket = websocket;
    this.sink = new SocketSink(
      websocket,
      socket,
      { ...handshake, direct: limits.directWrites, turn: services.turn },
      this,
    );
    this.memberships = new Memberships(this);
    this.publishes = new UnansweredPublishes(this);
    this.#heartbeat = new Heartbeat(services.heartbeat, this);
    this.#expiry = new Expiry(clock, this);
    this.#helloTimer = setTimeout(onNoHello, limits.helloTimeoutMs, this);
    services.connections.add(this);
    this.reader = new FrameReader(this, websocket, this.#inFlight);
    listenTo(websocket, this);
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get principal(): Principal {
    if (this.#principal === null) throw new RoomlogError('unauthorized');
    return this.#principal;
  }

  get session(): SessionId {
    if (this.#session === null) throw new RoomlogError('unauthorized');
    return this.#session;
  }

  // ---- what commands call

  /** What comes until `open` is held back. */
  startVerifying(): void {
    this.#state = 'verifying';
    if (this.#helloTimer !== null) clearTimeout(this.#helloTimer);
    this.#helloTimer = null;
  }

  /** `welcome` follows; frames that came meanwhile are handled when the caller has returned. */
  open(principal: Principal, session: SessionId): void {
    this.#state = 'open';
    this.#principal = principal;
    this.#session = session;
    const { registry, gateway, clock } = this.services;
    void registry.add({ user: principal.user, connection: this.id, gateway, since: clock.now() });
    this.#heartbeat.start();
    this.#expiry.at(principal.expiresAt + this.services.verifier.toleranceMs);
    queueMicrotask(() => this.reader.verified());
  }

  /** Registers an id. Throws `bad_frame` where it is in flight already, `rate_limited`, `draining`. */
  begin(id: number): void {
    if (this.#draining) throw new RoomlogError('draining');
    this.#inFlight.begin(id);
  }

  /** Sends the one answer to an id. */
  answer(id: number, type: SentType, frame: Payload): void {
    this.#inFlight.end(id);
    this.send(type, frame);
  }

  /** Sends the one answer to an id, an error. */
  fail(id: number, thrown: unknown, room?: RoomId): void {
    this.#inFlight.end(id);
    this.sendError(thrown, id, room);
  }

  send(type: SentType, frame: Payload): void {
    if (this.sink.closed) return;
    if (this.sink.unreadBytes() > MAX_UNREAD_FACTOR * this.services.limits.slowClientBytes) {
      this.close(CLOSE.overloaded, 'answers are not read');
      return;
    }
    this.services.metrics.sent(type);
    this.sink.sendFrame(frame, type === 'ack' ? 'tick' : 'turn');
  }

  sendError(thrown: unknown, id?: number, room?: RoomId): void {
    const error = asRoomlogError(thrown, 'unavailable');
    if (error !== thrown) this.services.logger.error({ connection: this.id, error: thrown }, 'a command failed');
    this.services.metrics.error(error.code);
    this.send('error', this.encoding.error(error, id, room));
    const earned = this.#offences.add(error.code, this.services.clock.monotonic());
    if (earned !== null) this.close(earned.code, earned.reason);
  }

  onPresence(diff: PresenceDiff): void {
    this.send('presence', this.encoding.presence(diff));
  }

  /** Ends the connection in order. Idempotent. */
  close(code: number, reason: string): void {
    if (this.#state === 'closing') return;
    this.services.metrics.closed(code);
    this.#end();
    this.sink.writeOut();
    // A paused socket would never see the client's answer.
    this.#websocket.resume();
    this.#websocket.close(code, reason.slice(0, MAX_CLOSE_REASON_BYTES));
  }

  /** Destroys the socket at once. */
  terminate(): void {
    this.#end();
    this.#websocket.terminate();
  }

  /**
   * Takes no more commands, answers those that were taken (at most `flushMs`), sends the client elsewhere.
   * @param delayMs what the client is asked to wait before it connects again
   */
  async drain(flushMs: number, delayMs: number, reason: string): Promise<void> {
    this.#draining = true;
    await this.#inFlight.idle(flushMs);
    this.send('reconnect', this.encoding.reconnect(delayMs, reason));
    this.close(CLOSE.restart, reason);
  }

  // ---- what its socket tells

  onMessage(data: Buffer, isBinary: boolean): void {
    this.reader.onMessage(data, isBinary);
  }

  onPing(data: Buffer): void {
    this.reader.onPing(data);
  }

  onPong(): void {
    this.#heartbeat.onPong();
  }

  onBroken(error: Error): void {
    this.services.logger.debug({ connection: this.id, error }, 'broken WebSocket');
  }

  onClosed(code: number): void {
    if (this.#state !== 'closing') this.services.metrics.closed(code);
    this.#end();
    this.services.connections.remove(this);
  }

  // ---- what its heartbeat asks

  ping(): void {
    this.#websocket.ping();
  }

  isBusy(): boolean {
    return this.sink.bufferedBytes() > 0 || this.reader.wasUnread(this.services.limits.pongTimeoutMs);
  }

  onSilence(): void {
    this.close(CLOSE.timeout, 'no pong in time');
  }

  // ---- ends

  onExpired(): void {
    this.sendError(new RoomlogError('unauthorized', 'The token has expired.'));
    this.close(CLOSE.unauthorized, 'the token has expired');
  }

  onLeft(room: RoomId): void {
    this.services.ephemeral.leave(room);
    this.services.presence.leave(room, this.id);
  }

  /** Gives back all that the connection holds. */
  #end(): void {
    if (this.#state === 'closing') return;
    this.#state = 'closing';
    this.#heartbeat.stop();
    if (this.#helloTimer !== null) clearTimeout(this.#helloTimer);
    this.#expiry.stop();
    this.reader.end();
    this.#inFlight.release();
    this.memberships.leaveAll();
    if (this.#principal === null) return;
    this.services.connections.exit(this.#principal.user);
    void this.services.registry.remove(this.#principal.user, this.id);
  }
}

function onNoHello(connection: Connection): void {
  connection.close(CLOSE.timeout, 'no hello in time');
}
