/**
 * One WebSocket from its opening to its end: `hello`, request ids, and the watch over whether the other side still lives. It
 * never reconnects; `client.ts` makes a new one.
 */
import { RoomlogClientError } from './errors.ts';
import type { ErrorFrame, ServerFrame, WelcomeFrame } from './frames.ts';
import type { ClientMessage, Wire } from './wire.ts';

/** What is needed of a WebSocket: the global one of browsers and Node ≥ 22, or the `ws` package's. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  readonly readyState: number;
  readonly bufferedAmount: number;
  /** Set to `arraybuffer` where frames are binary. */
  binaryType?: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

export interface ConnectionOptions {
  readonly url: string;
  readonly webSocket: WebSocketConstructor;
  readonly wire: Wire;
  readonly token: string;
  /** The session to go on with; null starts a new one. */
  readonly session: string | null;
  readonly batch: boolean;
  /** From opening the socket to `welcome`, ms. */
  readonly connectTimeoutMs: number;
  /** From our `ping` to any frame, ms. */
  readonly pongTimeoutMs: number;
}

export interface ConnectionHandlers {
  onWelcome(frame: WelcomeFrame): void;
  /** Every frame that is not the answer to a request. */
  onFrame(frame: ServerFrame): void;
  /** Called once. `delayMs` is that of a `reconnect` frame, null if none came. */
  onEnd(closeCode: number, reason: string, delayMs: number | null): void;
}

/** The answer; null when the connection ended first. */
export type AnswerHandler = (frame: ServerFrame | null) => void;

/** A code of our own for `onEnd`: the other side is silent. Same meaning as a gateway's 4408. */
const SILENT = 4408;
/** How long the closing handshake may take before the socket is given up, ms. */
const CLOSE_TIMEOUT_MS = 2_000;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #handlers: ConnectionHandlers;
  readonly #socket: WebSocketLike;
  readonly #answers = new Map<number, AnswerHandler>();
  #lastId = 0;
  #welcome: WelcomeFrame | null = null;
  #ended = false;
  #heard = false;
  #reconnectDelayMs: number | null = null;
  #timer: ReturnType<typeof setTimeout>;

  constructor(options: ConnectionOptions, handlers: ConnectionHandlers) {
    this.#options = options;
    this.#handlers = handlers;
    this.#timer = setTimeout(() => this.#end(SILENT, 'no welcome in time'), options.connectTimeoutMs);
    this.#socket = new options.webSocket(options.url, [options.wire.subprotocol]);
    if (options.wire.binary) this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => this.#hello();
    this.#socket.onmessage = (event: { data: unknown }) => this.#receive(event.data);
    this.#socket.onclose = (event: { code?: number; reason?: string }) =>
      this.#end(event.code ?? 1006, event.reason ?? '');
    // A close event always follows, and carries all that a browser tells.
    this.#socket.onerror = () => {};
  }

  get welcome(): WelcomeFrame | null {
    return this.#welcome;
  }

  /** Bytes given to the socket that have not left yet. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** What a message is on this connection's wire. */
  encode(message: ClientMessage): string | Uint8Array<ArrayBuffer> {
    return this.#options.wire.encode(message);
  }

  /** Sends a frame that wants an answer. `build` is given the id and returns the whole frame. */
  request(build: (id: number) => ClientMessage, onAnswer: AnswerHandler): void {
    this.#lastId += 1;
    const id = this.#lastId;
    if (this.#ended) {
      queueMicrotask(() => onAnswer(null));
      return;
    }
    this.#answers.set(id, onAnswer);
    this.#send(build(id));
  }

  /** Like `request`, as a promise; rejects with the gateway's error, or `connection_lost`. */
  ask(body: ClientMessage): Promise<ServerFrame> {
    return new Promise((resolve, reject) => {
      this.request(
        (id) => ({ ...body, id }),
        (frame) => {
          if (frame === null)
            reject(new RoomlogClientError('connection_lost', 'The connection ended before the answer.'));
          else if (frame.type === 'error') reject(errorOf(frame));
          else resolve(frame);
        },
      );
    });
  }

  /** Ends the connection from this side; `onEnd` follows with `code`, within 2 s also when the peer does not answer. */
  close(code: number, reason: string): void {
    if (this.#ended) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#end(code, reason), CLOSE_TIMEOUT_MS);
    this.#socket.onmessage = () => {};
    this.#socket.onclose = () => this.#end(code, reason);
    this.#socket.close(code, reason);
  }

  /** Ends it without waiting for the peer. */
  abandon(code: number, reason: string): void {
    this.#end(code, reason);
  }

  #hello(): void {
    const { token, session, batch } = this.#options;
    this.#send({ type: 'hello', token, batch, ...(session === null ? {} : { session }) });
  }

  #send(message: ClientMessage): void {
    // A socket that is closing drops what it is given; its end answers the request with null.
    if (!this.#ended && this.#socket.readyState === 1) this.#socket.send(this.encode(message));
  }

  #receive(data: unknown): void {
    if (this.#ended) return;
    this.#heard = true;
    const frame = this.#options.wire.decode(data);
    if (frame === null) {
      this.#end(1002, 'the gateway sent something that is no frame');
      return;
    }
    if (frame.type === 'welcome') {
      this.#welcomed(frame);
      return;
    }
    if (frame.type === 'reconnect') this.#reconnectDelayMs = frame.delay;
    const id = 'id' in frame ? frame.id : undefined;
    const answer = id === undefined ? undefined : this.#answers.get(id);
    if (id === undefined || answer === undefined) {
      this.#handlers.onFrame(frame);
      return;
    }
    this.#answers.delete(id);
    answer(frame);
  }

  #welcomed(frame: WelcomeFrame): void {
    if (this.#welcome) return;
    this.#welcome = frame;
    this.#watch();
    this.#handlers.onWelcome(frame);
  }

  /** After a whole heartbeat without a frame, asks; after `pongTimeoutMs` more, gives up. Browsers hide the gateway's pings. */
  #watch(): void {
    clearTimeout(this.#timer);
    if (this.#ended) return;
    this.#heard = false;
    this.#timer = setTimeout(() => {
      if (this.#heard) return this.#watch();
      this.request(
        (id) => ({ type: 'ping', id }),
        (frame) => {
          if (frame !== null) this.#watch();
        },
      );
      this.#timer = setTimeout(() => {
        if (this.#heard) this.#watch();
        else this.#end(SILENT, 'the gateway is silent');
      }, this.#options.pongTimeoutMs);
    }, this.#welcome?.heartbeat ?? 30_000);
  }

  #end(code: number, reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    const socket = this.#socket;
    socket.onopen = () => {};
    socket.onmessage = () => {};
    socket.onclose = () => {};
    // Only 1000 and 3000 to 4999 may be given; the socket may also be past closing.
    if (socket.readyState < 2) socket.close(code >= 3000 && code < 5000 ? code : 1000, reason);
    const answers = [...this.#answers.values()];
    this.#answers.clear();
    for (const answer of answers) answer(null);
    this.#handlers.onEnd(code, reason, this.#reconnectDelayMs);
  }
}

/** A gateway's `error` frame as what this SDK throws. */
export function errorOf(frame: ErrorFrame): RoomlogClientError {
  return new RoomlogClientError(frame.code, frame.message, {
    ...(frame.room === undefined ? {} : { room: frame.room }),
    ...(frame.retryAfter === undefined ? {} : { retryAfterMs: frame.retryAfter }),
    ...(frame.expected === undefined ? {} : { expected: frame.expected }),
    ...(frame.path === undefined ? {} : { path: frame.path }),
  });
}
