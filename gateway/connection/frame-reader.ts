/**
 * What a connection's client sends: frames, judged by size, rate and order before a command is made of them. The socket is left unread
 * while a token is verified, and while publishes find no room; what was on its way by then still comes.
 */
import type { Buffer } from 'node:buffer';
import type { WebSocket } from 'ws';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import type { ClientFrame, CommandFrame } from '../protocol/frames.ts';
import type { HeldReader } from '../publish/held-readers.ts';
import { Allowance } from './allowance.ts';
import type { Client } from './client.ts';
import { handleCommand } from './commands/command.ts';
import { handleHello } from './commands/hello.ts';
import type { InFlight } from './in-flight.ts';

/** WebSocket's opcode of a binary message. */
const BINARY = 2;
/** Frames that came behind a hello, while its token is looked at. */
const MAX_HELD_FRAMES = 4_096;

export class FrameReader implements HeldReader {
  readonly #client: Client;
  readonly #websocket: Pick<WebSocket, 'pause' | 'resume' | 'pong'>;
  readonly #inFlight: Pick<InFlight, 'has'>;
  readonly #allowance: Allowance;
  /** Frames that came behind a hello whose token is still looked at; made by the first, since most clients wait for their welcome. */
  #held: [Buffer, boolean][] | null = null;
  /** When the socket was last left unread for publishes, and not read on since: Infinity; else when it was read on. */
  #unreadUntilMs = Number.NEGATIVE_INFINITY;

  constructor(
    client: Client,
    websocket: Pick<WebSocket, 'pause' | 'resume' | 'pong'>,
    inFlight: Pick<InFlight, 'has'>,
  ) {
    this.#client = client;
    this.#websocket = websocket;
    this.#inFlight = inFlight;
    this.#allowance = new Allowance(client.services.limits, client.services.clock);
  }

  /** Handles the frames that came while the token was looked at, and reads on. */
  verified(): void {
    const held = this.#held;
    if (held === null) return;
    this.#held = null;
    for (const [data, isBinary] of held) this.onMessage(data, isBinary);
    if (this.#client.state !== 'closing' && this.#unreadUntilMs !== Number.POSITIVE_INFINITY) this.#websocket.resume();
  }

  stopReading(): void {
    if (this.#client.state === 'closing') return;
    this.#unreadUntilMs = Number.POSITIVE_INFINITY;
    this.#websocket.pause();
  }

  readOn(): void {
    this.#unreadUntilMs = this.#client.services.clock.monotonic();
    this.#websocket.resume();
  }

  /** Whether the socket was left unread at any time in the last `ms`: what the client said may still lie there. */
  wasUnread(ms: number): boolean {
    return this.#unreadUntilMs > this.#client.services.clock.monotonic() - ms;
  }

  /** The connection ends: only the client's close frame is still of interest. */
  end(): void {
    this.#held = null;
    this.#client.services.publisher.forget(this);
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    const { state, encoding, services } = this.#client;
    if (state === 'closing') return;
    if (state === 'verifying') {
      this.#hold(data, isBinary);
      return;
    }
    if (isBinary !== (encoding.opcode === BINARY)) {
      const { subprotocol } = encoding;
      this.#client.close(
        CLOSE.unsupportedData,
        `a ${isBinary ? 'binary' : 'text'} frame on a ${subprotocol} connection`,
      );
      return;
    }
    const waitMs = this.#allowance.takeBytes(data.length);
    if (waitMs > 0) {
      this.#hurried(waitMs, encoding.peekId(data));
      return;
    }
    let frame: ClientFrame;
    try {
      frame = encoding.parse(data, services.limits);
    } catch (thrown) {
      this.#onUnreadable(thrown);
      return;
    }
    services.metrics.received(frame.type);
    if (frame.type === 'hello') this.#onHello(frame);
    else if (state === 'awaiting-hello') this.#client.close(CLOSE.policyViolation, 'the first frame is not hello');
    else this.#onCommand(frame);
  }

  /** The first of them leaves the socket unread; what was on its way by then still comes. */
  #hold(data: Buffer, isBinary: boolean): void {
    if (this.#held === null) {
      this.#held = [];
      this.#websocket.pause();
    }
    if (this.#held.length < MAX_HELD_FRAMES) this.#held.push([data, isBinary]);
    else this.#client.close(CLOSE.policyViolation, 'too many frames before welcome');
  }

  #onHello(frame: Extract<ClientFrame, { type: 'hello' }>): void {
    if (this.#client.state === 'awaiting-hello') {
      handleHello(this.#client, frame).catch((thrown: unknown) => {
        this.#client.sendError(thrown);
        this.#client.close(CLOSE.overloaded, 'the hello could not be answered');
      });
    } else this.#client.close(CLOSE.policyViolation, 'a second hello');
  }

  #onCommand(frame: CommandFrame): void {
    const waitMs = this.#allowance.takeFrame();
    if (waitMs > 0) this.#hurried(waitMs, frame.id);
    else handleCommand(this.#client, frame);
  }

  /** Refuses what came too fast. */
  #hurried(waitMs: number, id?: number): void {
    // The answer to an id that is in flight belongs to the command that has it.
    const own = id === undefined || this.#inFlight.has(id) ? undefined : id;
    this.#client.sendError(new RoomlogError('rate_limited', undefined, { details: { retryAfter: waitMs } }), own);
  }

  #onUnreadable(thrown: unknown): void {
    this.#client.services.metrics.received('bad');
    const error = asRoomlogError(thrown, 'bad_frame');
    const { id, hello } = error.details as { id?: number; hello?: boolean };
    if (this.#client.state === 'awaiting-hello' && hello !== true) {
      this.#client.close(CLOSE.policyViolation, 'the first frame is not hello');
      return;
    }
    this.#client.sendError(error, id);
  }

  onPing(data: Buffer): void {
    const { sink, services } = this.#client;
    if (sink.closed) return;
    const waitMs = this.#allowance.takeFrame();
    if (waitMs > 0) this.#hurried(waitMs);
    else if (sink.bufferedBytes() <= services.limits.slowClientBytes) this.#websocket.pong(data);
  }
}
