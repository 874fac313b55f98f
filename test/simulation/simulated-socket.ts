/**
 * A WebSocket between a client and a gateway, both as their code knows it: the gateway's side stands in for what `ws` and
 * the kernel are to `Connection`, the client's for the browser's `WebSocket`. Each direction keeps its order; how long
 * anything takes, whether it stalls, and when the line breaks is the run's choice.
 */
import { Buffer } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { serverMessages } from '../../gateway/protocol/server-messages.fixture.ts';
import { decodeClientFrame, decodeServerFrame } from '../support/avro-frames.ts';
import type { Actor, Scheduler } from './scheduler.ts';

/** What the kernels on both sides hold for a reader that does not read. */
const KERNEL_BYTES = 2_048;
const BINARY = 2;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

export interface LineOptions {
  readonly scheduler: Scheduler;
  readonly client: Actor;
  readonly server: Actor;
  latencyMs(): number;
}

/** One connection, and what may happen to it. */
export class Line {
  readonly options: LineOptions;
  readonly socket: ServerSocket;
  readonly server: ServerWebSocket;
  readonly client: ClientWebSocket;
  /** Nothing passes any more, and nobody is told. */
  silent = false;
  broken = false;
  #up = 0;
  #down = 0;

  constructor(options: LineOptions, client: ClientWebSocket) {
    this.options = options;
    this.client = client;
    this.socket = new ServerSocket(this);
    this.server = new ServerWebSocket(this);
  }

  /** A task of the server's, after all that was sent before. */
  toServer(run: () => void): void {
    const { scheduler, server, latencyMs } = this.options;
    if (this.silent) return;
    this.#up = Math.max(this.#up, scheduler.now + latencyMs());
    scheduler.at(this.#up, server, () => {
      if (!this.silent) run();
    });
  }

  toClient(run: () => void): void {
    const { scheduler, client, latencyMs } = this.options;
    if (this.silent) return;
    this.#down = Math.max(this.#down, scheduler.now + latencyMs());
    scheduler.at(this.#down, client, () => {
      if (!this.silent) run();
    });
  }

  /** As by a reset: what is under way is lost on both ways, and both sides are told. */
  reset(): void {
    if (this.broken) return;
    this.broken = true;
    const { scheduler, client, server, latencyMs } = this.options;
    scheduler.after(latencyMs(), server, () => this.server.ended(1006));
    scheduler.after(latencyMs(), client, () => this.client.ended(1006, ''));
  }
}

/** The raw socket, as far as `SocketSink` writes to it. */
export class ServerSocket extends EventEmitter {
  destroyed = false;
  readonly #line: Line;
  #corked = false;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Taken by the kernel, not read by the client. */
  #underWay = 0;

  constructor(line: Line) {
    super();
    this.#line = line;
  }

  get writableLength(): number {
    return this.#pendingBytes;
  }

  cork(): void {
    this.#corked = true;
  }

  uncork(): void {
    this.#corked = false;
    this.#push();
  }

  write(bytes: Buffer): void {
    if (this.destroyed) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    if (!this.#corked) this.#push();
  }

  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.emit('close');
  }

  #push(): void {
    while (this.#pending.length > 0 && this.#underWay < KERNEL_BYTES) {
      const bytes = this.#pending.shift() as Buffer;
      this.#pendingBytes -= bytes.length;
      this.#underWay += bytes.length;
      this.#line.toClient(() => {
        this.#line.client.receive(bytes);
        this.#line.toServer(() => this.#read(bytes.length));
      });
    }
  }

  #read(bytes: number): void {
    this.#underWay -= bytes;
    if (this.destroyed) return;
    const waited = this.#pendingBytes > 0;
    this.#push();
    if (waited && this.#pendingBytes === 0) this.emit('drain');
  }
}

/** What `ws` gives for an upgraded request, as far as `Connection` knows it. */
export class ServerWebSocket extends EventEmitter {
  readyState = OPEN;
  readonly #line: Line;
  #paused = false;
  #held: Array<string | Buffer> = [];

  constructor(line: Line) {
    super();
    this.#line = line;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    const held = this.#held;
    this.#held = [];
    for (const [at, message] of held.entries()) {
      if (this.#paused) {
        this.#held = held.slice(at);
        return;
      }
      this.#give(message);
    }
  }

  /** A text message, or a binary one. */
  receive(message: string | Buffer): void {
    if (this.readyState === CLOSED || this.#line.broken) return;
    if (this.#paused) this.#held.push(message);
    else this.#give(message);
  }

  #give(message: string | Buffer): void {
    this.emit('message', Buffer.from(message as string), typeof message !== 'string');
  }

  ping(): void {
    this.#line.toClient(() => this.#line.toServer(() => this.emit('pong')));
  }

  pong(): void {}

  close(code: number, reason: string): void {
    if (this.readyState !== OPEN) return;
    this.readyState = CLOSING;
    this.#line.toClient(() => {
      this.#line.client.ended(code, reason);
      this.#line.toServer(() => this.ended(code));
    });
  }

  /** The client has closed, or answers a close. */
  ended(code: number): void {
    if (this.readyState === CLOSED) return;
    this.readyState = CLOSED;
    this.#line.socket.destroy();
    this.emit('close', code);
  }

  terminate(): void {
    this.ended(1006);
    this.#line.toClient(() => this.#line.client.ended(1006, ''));
  }
}

/** Sees what a client sends and receives, before it does; as JSON, whatever it speaks. */
export interface Tap {
  sent(text: string): void;
  received(text: string): void;
  ended(code: number): void;
}

/** The browser's side. */
export class ClientWebSocket {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readyState = 0;
  readonly bufferedAmount = 0;
  line: Line | null = null;
  /** What the client offers. */
  readonly protocol: string | undefined;
  readonly #tap: Tap;

  constructor(tap: Tap, [protocol]: readonly string[] = []) {
    this.#tap = tap;
    this.protocol = protocol;
  }

  /** The gateway has taken the upgrade. */
  opened(): void {
    if (this.readyState !== 0) return;
    this.readyState = OPEN;
    this.onopen?.({} as never);
  }

  send(data: string | Uint8Array): void {
    if (this.readyState !== OPEN) return;
    // Taken as it is now: the client may use its buffer again.
    const message = typeof data === 'string' ? data : Buffer.from(data);
    this.#tap.sent(typeof message === 'string' ? message : JSON.stringify(decodeClientFrame(message)));
    const { line } = this;
    line?.toServer(() => line.server.receive(message));
  }

  close(code = 1000, _reason = ''): void {
    if (this.readyState >= CLOSING) return;
    this.readyState = CLOSING;
    const { line } = this;
    line?.toServer(() => {
      line.server.ended(code);
      line.toClient(() => this.ended(code, ''));
    });
    this.#tap.ended(code);
  }

  /** Whole frames, as the gateway wrote them. */
  receive(bytes: Buffer): void {
    for (const { first, payload } of serverMessages(bytes)) {
      if (this.readyState >= CLOSED || this.line?.broken !== false) return;
      const isBinary = (first & 0x0f) === BINARY;
      const text = isBinary ? JSON.stringify(decodeServerFrame(payload)) : payload.toString();
      if (this.readyState === OPEN) this.#tap.received(text);
      this.onmessage?.({ data: isBinary ? new Uint8Array(payload).buffer : text } as never);
    }
  }

  /** With its whole process. */
  lost(): void {
    if (this.readyState < CLOSING) this.#tap.ended(1006);
    this.readyState = CLOSED;
  }

  ended(code: number, reason: string): void {
    if (this.readyState === CLOSED) return;
    const wasOpen = this.readyState < CLOSING;
    this.readyState = CLOSED;
    if (wasOpen) this.#tap.ended(code);
    this.onclose?.({ code, reason } as never);
  }
}
