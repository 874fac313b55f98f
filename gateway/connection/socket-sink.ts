/**
 * A WebSocket as the stream half sees it. Frames are written to the raw socket, past `ws`: they are whole, unmasked text
 * messages, and `ws` never holds anything back itself here (no compression, no fragments), so order is kept. Nothing is
 * written once the WebSocket is no longer OPEN.
 */
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { textMessage } from '../protocol/websocket-frame.ts';
import type { Sink } from '../stream.ts';

/** How often a waiting `drained` looks where the socket gives no 'drain' event. */
const DRAIN_POLL_MS = 25;

export class SocketSink implements Sink {
  readonly #socket: Duplex;
  readonly #websocket: WebSocket;
  readonly #onClose: (code: number, reason: string) => void;
  #corked = false;
  #unreadBytes = 0;
  #batch = false;

  /** @param onClose ends the connection in order; see Connection.close */
  constructor(websocket: WebSocket, socket: Duplex, onClose: (code: number, reason: string) => void) {
    this.#websocket = websocket;
    this.#socket = socket;
    this.#onClose = onClose;
  }

  get closed(): boolean {
    return this.#websocket.readyState !== WebSocket.OPEN;
  }

  get batch(): boolean {
    return this.#batch;
  }

  set batch(wanted: boolean) {
    this.#batch = wanted;
  }

  sendText(frame: Buffer | string): void {
    this.sendFramed(textMessage(frame));
  }

  sendFramed(frames: Buffer): void {
    if (this.closed) return;
    // All that one turn of the event loop has to say to a client becomes one system call.
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
        this.#unreadBytes = this.#socket.writableLength;
      });
    }
    this.#socket.write(frames);
  }

  bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** Bytes that the kernel did not take when it was last asked: what this turn adds is not held against the client. */
  unreadBytes(): number {
    return Math.min(this.#unreadBytes, this.#socket.writableLength);
  }

  drained(bytes: number): Promise<void> {
    if (this.#isDrained(bytes)) return Promise.resolve();
    return new Promise((resolve) => {
      const check = (): void => {
        if (!this.#isDrained(bytes)) return;
        clearInterval(poll);
        this.#socket.off('drain', check);
        this.#socket.off('close', check);
        resolve();
      };
      const poll = setInterval(check, DRAIN_POLL_MS);
      this.#socket.on('drain', check);
      this.#socket.on('close', check);
    });
  }

  close(code: number, reason: string): void {
    this.#onClose(code, reason);
  }

  #isDrained(bytes: number): boolean {
    return this.closed || this.#socket.destroyed || this.bufferedBytes() < bytes;
  }
}
