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
  /** By the bytes that are waited for. */
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  /** Runs while anybody waits. */
  #poll: NodeJS.Timeout | null = null;

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
    const waiting = this.#waiting.get(bytes) ?? Promise.withResolvers<void>();
    this.#waiting.set(bytes, waiting);
    this.#poll ??= this.#startPolling();
    return waiting.promise;
  }

  close(code: number, reason: string): void {
    this.#onClose(code, reason);
  }

  /** One watch for all who wait: a client can be behind in as many rooms as it may join, and leave and join them again. */
  #startPolling(): NodeJS.Timeout {
    const check = (): void => {
      for (const [bytes, { resolve }] of this.#waiting) {
        if (!this.#isDrained(bytes)) continue;
        this.#waiting.delete(bytes);
        resolve();
      }
      if (this.#waiting.size > 0 || this.#poll === null) return;
      clearInterval(this.#poll);
      this.#poll = null;
      this.#socket.off('drain', check);
      this.#socket.off('close', check);
    };
    this.#socket.on('drain', check);
    this.#socket.on('close', check);
    return setInterval(check, DRAIN_POLL_MS);
  }

  #isDrained(bytes: number): boolean {
    return this.closed || this.#socket.destroyed || this.bufferedBytes() < bytes;
  }
}
