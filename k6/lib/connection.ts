/** One client's WebSocket, opened again after a loss with exponential back-off and full jitter. */
import exec from 'k6/execution';
import { WebSocket } from 'k6/websockets';
import { complain } from './complain.ts';
import { parseFrame, type ServerFrame } from './frame.ts';

const OPEN = 1;
const BACK_OFF_FIRST_MS = 250;
const BACK_OFF_MAX_MS = 10_000;
/** A first connection that fails so often in a row ends the whole run: the address is wrong, or nothing is there. */
const MAX_FIRST_ATTEMPTS = 8;
/** Close codes after which the same would only happen again (docs/protocol.md). */
const FINAL_CODES = [1002, 1003, 1007, 1008, 1009, 4401, 4403, 4406];

export interface ConnectionEvents {
  /** The fields of `hello`, besides its type. */
  hello(): object;
  /** `receivedMs`: when k6 read it from the socket, ms since the epoch. */
  frame(frame: ServerFrame, receivedMs: number): void;
  /** It ended without having been asked to. */
  lost(code: number): void;
}

export class Connection {
  /** When the present connection was begun. */
  openedMs = 0;
  readonly #url: string;
  readonly #events: ConnectionEvents;
  #socket: WebSocket | null = null;
  #failures = 0;
  #everWelcomed = false;
  #reconnectDelayMs: number | null = null;
  #nextId = 0;
  #wanted = false;
  #lastProblem = 'no answer';

  constructor(url: string, events: ConnectionEvents) {
    this.#url = url;
    this.#events = events;
  }

  open(): void {
    this.#wanted = true;
    this.openedMs = Date.now();
    const socket = new WebSocket(this.#url, null, { tags: { name: 'roomlog' } });
    this.#socket = socket;
    socket.onopen = () => {
      if (this.#socket === socket) socket.send(JSON.stringify({ type: 'hello', ...this.#events.hello() }));
      else socket.close();
    };
    socket.addEventListener('message', (event) => {
      if (this.#socket !== socket) return;
      const { data, timestamp } = event as unknown as { data: string; timestamp: number };
      this.#receive(parseFrame(data), timestamp);
    });
    socket.addEventListener('error', (event) => {
      this.#lastProblem = String((event as { error?: unknown }).error ?? 'error');
    });
    // k6 tells of a refused upgrade as an error followed by a close without a code.
    socket.addEventListener('close', (event) => {
      if (this.#socket === socket) this.#closed((event as unknown as { code?: number }).code ?? 0);
    });
  }

  /** Gives the frame an `id` and sends it. */
  send(frame: object): number {
    const id = ++this.#nextId;
    if (this.#socket?.readyState === OPEN) this.#socket.send(JSON.stringify({ id, ...frame }));
    return id;
  }

  /** Ids for the joins inside a `hello`. */
  takeId(): number {
    return ++this.#nextId;
  }

  /** Ends it; `open` may be called again. */
  close(): void {
    this.#wanted = false;
    const socket = this.#socket;
    this.#socket = null;
    // k6 blocks for good in `close` while it still connects; then `onopen` closes.
    if (socket?.readyState === OPEN) socket.close();
  }

  #receive(frame: ServerFrame, receivedMs: number): void {
    if (frame.type === 'welcome') {
      this.#everWelcomed = true;
      this.#failures = 0;
    } else if (frame.type === 'reconnect') {
      this.#reconnectDelayMs = frame.delay ?? 0;
    }
    this.#events.frame(frame, receivedMs);
  }

  #closed(code: number): void {
    this.#socket = null;
    if (!this.#wanted) return;
    this.#failures++;
    if (FINAL_CODES.includes(code))
      exec.test.abort(`The gateway closed with ${code}: see docs/protocol.md, Close codes`);
    if (!this.#everWelcomed && this.#failures >= MAX_FIRST_ATTEMPTS) {
      exec.test.abort(`No way in to ${this.#url}: ${code === 0 ? this.#lastProblem : `closed with ${code}`}`);
    }
    complain(`connection to ${this.#url} ended: ${code === 0 ? this.#lastProblem : code}`);
    this.#events.lost(code);
    const backOffMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_FIRST_MS * 2 ** this.#failures) * Math.random();
    const delayMs = this.#reconnectDelayMs ?? backOffMs;
    this.#reconnectDelayMs = null;
    setTimeout(() => {
      if (this.#wanted) this.open();
    }, delayMs);
  }
}
