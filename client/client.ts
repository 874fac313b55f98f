/** Keeps one connection open, and everything that outlives it: the session, unanswered publishes, joined rooms. */
import { Backoff } from './backoff.ts';
import { Connection, errorOf, type WebSocketConstructor } from './connection.ts';
import { Emitter } from './emitter.ts';
import { RoomlogClientError } from './errors.ts';
import type { ServerFrame, WelcomeFrame } from './frames.ts';
import type { ClientEvents, ClientOptions, ClientState } from './options.ts';
import type { Published } from './outbox.ts';
import { Publisher, type PublishOptions } from './publisher.ts';
import { type JoinOptions, Room } from './room.ts';
import { Session } from './session.ts';
import { WIRES } from './wire.ts';

/** Renewed tokens in a row that a gateway refuses before the client stops. */
const MAX_TOKEN_RENEWALS = 5;
/** A code of our own: the connection is given up to begin a new session. */
const NEW_SESSION = 4000;

/** Opens a client. It connects at once, and again for as long as it makes sense; `close` it in the end. */
export function connect(options: ClientOptions): RoomlogClient {
  return new RoomlogClient(options);
}

export class RoomlogClient {
  readonly #options: ClientOptions;
  readonly #webSocket: WebSocketConstructor;
  readonly #events = new Emitter<ClientEvents>();
  readonly #rooms = new Map<string, Room>();
  readonly #publisher: Publisher;
  readonly #session = new Session(() => performance.now());
  readonly #backoff: Backoff;
  #connection: Connection | null = null;
  #state: ClientState = { state: 'connecting', attempt: 1 };
  #token: string | null = null;
  #tokenExpiresAtMs = Number.POSITIVE_INFINITY;
  #renewals = 0;
  #attempt = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #stableTimer: ReturnType<typeof setTimeout> | null = null;
  #closing = false;
  #idleWaiters: (() => void)[] = [];

  constructor(options: ClientOptions) {
    const global = (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
    const webSocket = options.webSocket ?? global;
    if (!webSocket) throw new TypeError('There is no global WebSocket here: pass one as the option webSocket.');
    this.#options = options;
    this.#webSocket = webSocket;
    this.#backoff = new Backoff(options.backoff);
    this.#publisher = new Publisher({
      maxQueuedPublishes: options.maxQueuedPublishes ?? 1_000,
      maxRoomsPerSession: options.maxRoomsPerSession ?? 10_000,
      nowMs: () => performance.now(),
      onRotate: () => this.#rotate(),
      onIdle: () => this.#reportIdle(),
    });
    queueMicrotask(() => this.#open());
  }

  get state(): ClientState {
    return this.#state;
  }

  /** The last welcome; null before the first. */
  get welcome(): WelcomeFrame | null {
    return this.#connection?.welcome ?? null;
  }

  /** Publishes without an answer, those not sent yet included. */
  get pending(): number {
    return this.#publisher.queued + this.#publisher.unanswered;
  }

  /** Tries of publishes after their first, since the start. */
  get resent(): number {
    return this.#publisher.resent;
  }

  /** Adds a listener; call what is returned to remove it. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (payload: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** Resolves when connected (again); rejects when the client ends first. */
  ready(): Promise<void> {
    if (this.#state.state === 'open') return Promise.resolve();
    if (this.#state.state === 'closed') return Promise.reject(this.#closedError());
    return new Promise((resolve, reject) => {
      const off = this.on('state', (state) => {
        if (state.state !== 'open' && state.state !== 'closed') return;
        off();
        if (state.state === 'open') resolve();
        else reject(this.#closedError());
      });
    });
  }

  /**
   * Joins a room, and again on every later connection from where it was. Resolves after `joined`. Rejects with the gateway's
   * refusal (`forbidden`, `invalid_room`, `too_many_rooms`, `cursor_invalid`, `bad_frame`) or `closed`.
   */
  join(room: string, options: JoinOptions = {}): Promise<Room> {
    if (this.#state.state === 'closed') return Promise.reject(this.#closedError());
    if (this.#rooms.has(room)) return Promise.reject(new TypeError(`Room ${room} is joined already.`));
    const limit = this.#options.maxRooms ?? 1_000;
    if (this.#rooms.size >= limit) {
      return Promise.reject(
        new RoomlogClientError('too_many_rooms', `This client has joined ${limit} rooms.`, { room }),
      );
    }
    const joined = new Room(room, options, {
      maxBufferedEvents: this.#options.maxBufferedEvents ?? 1_000,
      onError: (error) => this.#events.emit('error', error),
      onGone: (gone) => {
        if (this.#rooms.get(gone.name) === gone) this.#rooms.delete(gone.name);
      },
    });
    this.#rooms.set(room, joined);
    if (this.#state.state === 'open' && this.#connection) joined.connected(this.#connection);
    return joined.joined;
  }

  /**
   * Publishes, and keeps trying over reconnects until there is an answer. Resolves when the event has been sequenced (or
   * turns out to have been). Rejects with a final refusal, `queue_full`, `outcome_unknown` or `closed`; `details.outcome` says
   * whether it may be in the log all the same. Calls for one room are sequenced in their order.
   */
  publish(room: string, event: string, data: unknown, options: PublishOptions = {}): Promise<Published> {
    if (this.#state.state === 'closed') return Promise.reject(this.#closedError());
    if (options.contentType !== undefined && this.#options.encoding !== 'avro') {
      const message = "Data of another content type than JSON needs the option encoding: 'avro'.";
      return Promise.reject(new RoomlogClientError('bad_frame', message, { room, outcome: 'not_published' }));
    }
    if (this.#session.due) this.#rotate();
    return this.#publisher.publish(room, event, data, options);
  }

  /** Resolves when every publish so far has its answer, or the client has ended. */
  flush(): Promise<void> {
    if (this.#publisher.idle || this.#state.state === 'closed') return Promise.resolve();
    return new Promise((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Ends the client. Unanswered publishes are rejected with `closed`: `flush()` first to wait for them. */
  close(): Promise<void> {
    if (this.#state.state === 'closed') return Promise.resolve();
    const closed = new Promise<void>((resolve) => {
      this.on('state', (state) => {
        if (state.state === 'closed') resolve();
      });
    });
    this.#closing = true;
    if (this.#connection) this.#connection.close(1000, '');
    else this.#stop(null);
    return closed;
  }

  #setState(state: ClientState): void {
    this.#state = state;
    this.#events.emit('state', state);
  }

  async #open(): Promise<void> {
    if (this.#closing) return;
    this.#attempt += 1;
    this.#setState({ state: 'connecting', attempt: this.#attempt });
    let token: string;
    try {
      token = await this.#currentToken();
    } catch (cause) {
      if (this.#closing) return;
      const error = new RoomlogClientError('token_unavailable', 'The token function failed.', {}, cause);
      this.#events.emit('error', error);
      return this.#wait(this.#backoff.wait(), 4401, error.message);
    }
    if (this.#closing) return;
    this.#connection = new Connection(
      {
        url: this.#options.url,
        webSocket: this.#webSocket,
        wire: WIRES[this.#options.encoding ?? 'json'],
        token,
        session: this.#session.id,
        batch: this.#options.batch ?? true,
        connectTimeoutMs: this.#options.connectTimeoutMs ?? 10_000,
        pongTimeoutMs: this.#options.pongTimeoutMs ?? 5_000,
      },
      {
        onWelcome: (frame) => this.#welcomed(frame),
        onFrame: (frame) => this.#dispatch(frame),
        onEnd: (code, reason, delayMs) => this.#ended(code, reason, delayMs),
      },
    );
  }

  async #currentToken(): Promise<string> {
    const { token } = this.#options;
    if (typeof token === 'string') return token;
    if (this.#token === null || performance.now() >= this.#tokenExpiresAtMs) this.#token = await token();
    return this.#token;
  }

  #welcomed(frame: WelcomeFrame): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#attempt = 0;
    this.#renewals = 0;
    this.#tokenExpiresAtMs = performance.now() + Math.max(0, frame.expires - frame.time);
    this.#stableTimer = setTimeout(() => this.#backoff.reset(), this.#options.stableAfterMs ?? 5_000);
    const newSession = this.#session.welcomed(frame);
    this.#setState({ state: 'open', gateway: frame.gateway, user: frame.user, session: frame.session });
    for (const room of [...this.#rooms.values()]) room.connected(connection);
    this.#publisher.connected(connection, newSession);
  }

  #dispatch(frame: ServerFrame): void {
    if (frame.type === 'batch') {
      for (const event of frame.events) this.#rooms.get(event.room)?.handleEvent(event);
      return;
    }
    const room = 'room' in frame && frame.room !== undefined ? this.#rooms.get(frame.room) : undefined;
    if (room) room.handle(frame);
    else if (frame.type === 'error') this.#events.emit('error', errorOf(frame));
  }

  /** Begins a new session as soon as no publish of the present one is in doubt. */
  #rotate(): void {
    this.#publisher.startRotating();
    if (!this.#publisher.quiet || this.#session.id === null) return;
    this.#session.end();
    this.#connection?.abandon(NEW_SESSION, 'new session');
  }

  #ended(code: number, reason: string, delayMs: number | null): void {
    this.#connection = null;
    if (this.#stableTimer !== null) clearTimeout(this.#stableTimer);
    this.#publisher.disconnected();
    for (const room of this.#rooms.values()) room.disconnected();
    if (this.#closing) {
      this.#stop(null);
      return;
    }
    if (code === NEW_SESSION) {
      this.#wait(0, code, reason);
      return;
    }
    const verdict = this.#backoff.decide(code, delayMs);
    if (verdict.kind === 'stop') {
      this.#stop(verdict.failed ? refusedBy(code, reason) : null);
      return;
    }
    if (verdict.kind === 'renew') {
      this.#renewals += 1;
      this.#token = null;
      const useless = typeof this.#options.token === 'string' || this.#renewals > MAX_TOKEN_RENEWALS;
      if (useless) {
        this.#stop(refusedBy(code, reason));
        return;
      }
    }
    this.#wait(verdict.waitMs, code, reason);
  }

  #wait(waitMs: number, closeCode: number, reason: string): void {
    this.#setState({ state: 'waiting', waitMs, closeCode, reason });
    // A listener may have closed the client.
    if (this.#state.state === 'waiting') this.#timer = setTimeout(() => this.#open(), waitMs);
  }

  #stop(error: RoomlogClientError | null): void {
    if (this.#state.state === 'closed') return;
    this.#closing = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const cause = error ?? new RoomlogClientError('closed', 'The client was closed.');
    this.#state = { state: 'closed', error };
    this.#publisher.abandon(cause);
    for (const room of [...this.#rooms.values()]) room.abandon(error);
    this.#events.emit('state', this.#state);
    this.#events.clear();
  }

  #closedError(): RoomlogClientError {
    const cause = this.#state.state === 'closed' ? this.#state.error : null;
    if (cause === null) return new RoomlogClientError('closed', 'The client was closed.');
    return new RoomlogClientError(cause.code, cause.message, cause.details, cause);
  }

  #reportIdle(): void {
    const waiters = this.#idleWaiters;
    this.#idleWaiters = [];
    for (const waiter of waiters) waiter();
  }
}

function refusedBy(closeCode: number, reason: string): RoomlogClientError {
  const code = closeCode === 4401 ? 'unauthorized' : closeCode === 4403 ? 'forbidden' : 'bad_frame';
  return new RoomlogClientError(code, `The gateway closed with ${closeCode}${reason ? `: ${reason}` : ''}.`, {
    closeCode,
  });
}
