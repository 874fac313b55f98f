/**
 * One WebSocket's life:
 *
 *     awaiting hello ──hello──▶ verifying ──token good──▶ open ──┐
 *           └───────────────────────┴────────────────────────────┴──▶ closing
 *
 * It reads frames, lets `commands/` handle them, and sends their answers; each `id` gets exactly one.
 */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { ConnectionId, RoomId, SessionId } from '../../core/ids.ts';
import type { PresenceDiff } from '../../core/ports/presence-store.ts';
import type { Principal } from '../auth/token.ts';
import { CLOSE, MAX_CLOSE_REASON_BYTES } from '../protocol/close-codes.ts';
import type { Encoding, Payload } from '../protocol/encoding.ts';
import type { ClientFrame, CommandFrame } from '../protocol/frames.ts';
import type { SentType } from '../server/edge-metrics.ts';
import type { SharedDeflate } from '../stream.ts';
import { Allowance } from './allowance.ts';
import type { Client, ConnectionState } from './client.ts';
import { handleCommand } from './commands/command.ts';
import { handleHello } from './commands/hello.ts';
import { Expiry } from './expiry.ts';
import { Heartbeat } from './heartbeat.ts';
import { InFlight } from './in-flight.ts';
import { Memberships } from './memberships.ts';
import { Offences } from './offences.ts';
import type { Services } from './services.ts';
import { SocketSink } from './socket-sink.ts';
import { UnansweredPublishes } from './unanswered-publishes.ts';

/** Frames that came behind a hello, while its token is looked at; the socket is not read meanwhile. */
const MAX_HELD_FRAMES = 4_096;
const BINARY = 2;
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

export class Connection implements Client {
  readonly id: ConnectionId;
  readonly services: Services;
  readonly sink: SocketSink;
  readonly encoding: Encoding;
  /** The token of the upgrade request; one in `hello` overrules it. */
  readonly upgradeToken: string | null;
  readonly memberships: Memberships;
  readonly publishes: UnansweredPublishes;
  readonly #websocket: WebSocket;
  readonly #allowance: Allowance;
  readonly #offences = new Offences();
  readonly #inFlight = new InFlight();
  readonly #expiry: Expiry;
  readonly #heartbeat: Heartbeat;
  #held: [Buffer, boolean][] = [];
  #state: ConnectionState = 'awaiting-hello';
  #helloTimer: NodeJS.Timeout | null;
  #principal: Principal | null = null;
  #session: SessionId | null = null;
  #draining = false;

  constructor(websocket: WebSocket, socket: Duplex, handshake: Handshake, services: Services) {
    const { encoding, deflate, token } = handshake;
    const { limits, clock } = services;
    this.id = Buffer.from(services.random(12)).toString('base64url') as ConnectionId;
    this.services = services;
    this.upgradeToken = token;
    this.encoding = encoding;
    this.#websocket = websocket;
    this.sink = new SocketSink(websocket, socket, { encoding, deflate }, (code, reason) => this.close(code, reason));
    this.memberships = new Memberships((room) => this.#onLeft(room));
    this.publishes = new UnansweredPublishes(this);
    this.#allowance = new Allowance(limits, clock);
    this.#heartbeat = new Heartbeat({
      intervalMs: limits.pingIntervalMs,
      timeoutMs: limits.pongTimeoutMs,
      busyTimeoutMs: limits.slowClientTimeoutMs,
      ping: () => websocket.ping(),
      bufferedBytes: () => this.sink.bufferedBytes(),
      onTimeout: () => this.close(CLOSE.timeout, 'no pong in time'),
    });
    this.#expiry = new Expiry(clock, () => this.#expire());
    this.#helloTimer = setTimeout(() => this.close(CLOSE.timeout, 'no hello in time'), limits.helloTimeoutMs);
    services.connections.add(this);
    websocket.on('message', (data: RawData, isBinary: boolean) => this.#onMessage(data as Buffer, isBinary));
    websocket.on('ping', (data: Buffer) => this.#onPing(data));
    websocket.on('pong', () => this.#heartbeat.onPong());
    // `ws` closes with the right code by itself; without a listener the process would end.
    websocket.on('error', (error) => services.logger.debug({ connection: this.id, error }, 'broken WebSocket'));
    websocket.on('close', (code) => this.#onClosed(code));
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

  /** Stops reading until `open`. */
  startVerifying(): void {
    this.#state = 'verifying';
    if (this.#helloTimer !== null) clearTimeout(this.#helloTimer);
    this.#helloTimer = null;
    this.#websocket.pause();
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
    queueMicrotask(() => this.#readOn());
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
    this.sink.sendFrame(frame);
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

  // ---- frames in

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#state === 'closing') return;
    if (this.#state === 'verifying') {
      if (this.#held.length < MAX_HELD_FRAMES) this.#held.push([data, isBinary]);
      else this.close(CLOSE.policyViolation, 'too many frames before welcome');
      return;
    }
    if (isBinary !== (this.encoding.opcode === BINARY)) {
      const { subprotocol } = this.encoding;
      this.close(CLOSE.unsupportedData, `a ${isBinary ? 'binary' : 'text'} frame on a ${subprotocol} connection`);
      return;
    }
    const waitMs = this.#allowance.takeBytes(data.length);
    if (waitMs > 0) {
      this.#hurried(waitMs, this.encoding.peekId(data));
      return;
    }
    let frame: ClientFrame;
    try {
      frame = this.encoding.parse(data, this.services.limits);
    } catch (thrown) {
      this.#onUnreadable(thrown);
      return;
    }
    this.services.metrics.received(frame.type);
    if (frame.type === 'hello') this.#onHello(frame);
    else if (this.#state === 'awaiting-hello') this.close(CLOSE.policyViolation, 'the first frame is not hello');
    else this.#onCommand(frame);
  }

  #onHello(frame: Extract<ClientFrame, { type: 'hello' }>): void {
    if (this.#state === 'awaiting-hello') void handleHello(this, frame);
    else this.close(CLOSE.policyViolation, 'a second hello');
  }

  #onCommand(frame: CommandFrame): void {
    const waitMs = this.#allowance.takeFrame();
    if (waitMs > 0) this.#hurried(waitMs, frame.id);
    else handleCommand(this, frame);
  }

  /** Refuses what came too fast. */
  #hurried(waitMs: number, id?: number): void {
    // The answer to an id that is in flight belongs to the command that has it.
    const own = id === undefined || this.#inFlight.has(id) ? undefined : id;
    this.sendError(new RoomlogError('rate_limited', undefined, { details: { retryAfter: waitMs } }), own);
  }

  #onUnreadable(thrown: unknown): void {
    this.services.metrics.received('bad');
    const error = asRoomlogError(thrown, 'bad_frame');
    const { id, hello } = error.details as { id?: number; hello?: boolean };
    if (this.#state === 'awaiting-hello' && hello !== true) {
      this.close(CLOSE.policyViolation, 'the first frame is not hello');
      return;
    }
    this.sendError(error, id);
  }

  #readOn(): void {
    const held = this.#held;
    this.#held = [];
    for (const [data, isBinary] of held) this.#onMessage(data, isBinary);
    if (this.#state !== 'closing') this.#websocket.resume();
  }

  #onPing(data: Buffer): void {
    if (this.sink.closed) return;
    const waitMs = this.#allowance.takeFrame();
    if (waitMs > 0) this.#hurried(waitMs);
    else if (this.sink.bufferedBytes() <= this.services.limits.slowClientBytes) this.#websocket.pong(data);
  }

  // ---- ends

  #expire(): void {
    this.sendError(new RoomlogError('unauthorized', 'The token has expired.'));
    this.close(CLOSE.unauthorized, 'the token has expired');
  }

  #onLeft(room: RoomId): void {
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
    this.#held = [];
    this.#inFlight.release();
    this.memberships.leaveAll();
    if (this.#principal === null) return;
    this.services.connections.exit(this.#principal.user);
    void this.services.registry.remove(this.#principal.user, this.id);
  }

  #onClosed(code: number): void {
    if (this.#state !== 'closing') this.services.metrics.closed(code);
    this.#end();
    this.services.connections.remove(this);
  }
}
