/**
 * A WebSocket as the stream half sees it. Frames are written to the raw socket, past `ws`: they are whole, unmasked
 * messages, and `ws` never holds anything back itself here (nothing is sent through it but pings, pongs and closes, which it neither
 * compresses nor fragments), so order is kept. Nothing is written once the WebSocket is no longer OPEN.
 */
import type { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import type { Encoding, Payload } from '../protocol/encoding.ts';
import { wholeMessage } from '../protocol/websocket-frame.ts';
import type { SharedDeflate, Sink, WriteTime } from '../stream.ts';
import { type DirectOwner, DirectWrites, NOT_DIRECT } from './direct-writes.ts';
import type { TurnWriter, WriteTurn } from './write-turn.ts';

/** How often a waiting `drained` looks where the socket gives no 'drain' event. */
const DRAIN_POLL_MS = 25;
/** The longest that it waits between two looks at a socket that takes nothing. */
const MAX_DRAIN_POLL_MS = 400;
/** Up to this size what a turn says to a client is copied into one buffer, which costs less than a write of several. */
const MAX_JOINED_BYTES = 4_096;
const directWrites = DirectWrites.open();

/** What the handshake and the configuration settle about a client's way out. */
export interface SinkWish {
  readonly encoding: Encoding;
  readonly deflate: SharedDeflate | null;
  /** See `gateway.directWrites`. */
  readonly direct: boolean;
  /** The gateway's. */
  readonly turn: WriteTurn;
}

export interface SinkOwner {
  /** Ends the connection in order. */
  close(code: number, reason: string): void;
}

export class SocketSink implements Sink, TurnWriter, DirectOwner {
  readonly #socket: Duplex;
  readonly #websocket: WebSocket;
  readonly #owner: SinkOwner;
  readonly encoding: Encoding;
  readonly deflate: SharedDeflate | null;
  /** Queued in this turn: the first of them, and those behind it, which are few and rare. */
  #first: Buffer | null = null;
  #rest: Buffer[] | null = null;
  #queuedBytes = 0;
  /** Whether what is queued goes out at the end of this tick. */
  #isUrgent = false;
  /** All that was ever queued. */
  #acceptedBytes = 0;
  readonly #direct: DirectWrites | null;
  readonly #turn: WriteTurn;
  /** Written directly, and still to be taken by the kernel. */
  #directBytes = 0;
  #unreadBytes = 0;
  #batch = false;
  /** By the bytes that are waited for; null while nobody waits. */
  #waiting: Map<number, PromiseWithResolvers<void>> | null = null;
  /** Runs while anybody waits. */
  #poll: NodeJS.Timeout | null = null;
  /** Sees who need wait no longer; null while nobody waits. */
  #check: (() => void) | null = null;

  constructor(websocket: WebSocket, socket: Duplex, wish: SinkWish, owner: SinkOwner) {
    this.#direct = wish.direct ? directWrites : null;
    this.#turn = wish.turn;
    this.#websocket = websocket;
    this.#socket = socket;
    this.encoding = wish.encoding;
    this.deflate = wish.deflate;
    this.#owner = owner;
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

  sendFrame(frame: Payload, when: WriteTime = 'tick'): void {
    this.sendFramed(wholeMessage(frame, this.encoding.opcode), when);
  }

  sendFramed(frames: Buffer, when: WriteTime = 'tick'): void {
    if (this.closed) return;
    const isFirst = this.#first === null;
    this.#queuedBytes += frames.length;
    this.#acceptedBytes += frames.length;
    if (this.#first === null) this.#first = frames;
    else if (this.#rest === null) this.#rest = [frames];
    else this.#rest.push(frames);
    // What comes first goes out first, so all of it goes with the first that is urgent.
    if (!isFirst && (this.#isUrgent || when === 'turn')) return;
    this.#isUrgent = when === 'tick';
    this.#turn.add(this, when);
  }

  /** Hands what this turn queued to the socket now, in one write. */
  writeOut(): void {
    const first = this.#first;
    if (first === null) return;
    const rest = this.#rest;
    const bytes = this.#queuedBytes;
    this.#first = null;
    this.#rest = null;
    this.#queuedBytes = 0;
    this.#isUrgent = false;
    // No data frame may follow a close frame, and `ws` has sent or got one by itself.
    if (this.closed) return;
    if (rest === null) this.#write(first);
    else if (bytes <= MAX_JOINED_BYTES) this.#write(Buffer.concat([first, ...rest], bytes));
    else {
      this.#socket.cork();
      this.#socket.write(first);
      for (const frames of rest) this.#socket.write(frames);
      this.#socket.uncork();
    }
    this.#unreadBytes = this.#untakenBytes();
  }

  bufferedBytes(): number {
    return this.#queuedBytes + this.#untakenBytes();
  }

  takenBytes(): number {
    return this.#acceptedBytes - this.bufferedBytes();
  }

  onTaken(): void {
    this.#directBytes = 0;
    this.#check?.();
  }

  /** Bytes that the kernel did not take when it was last asked: what this turn adds is not held against the client. */
  unreadBytes(): number {
    return Math.min(this.#unreadBytes, this.#untakenBytes());
  }

  drained(bytes: number): Promise<void> {
    if (this.#isDrained(bytes)) return Promise.resolve();
    this.#waiting ??= new Map();
    const waiting = this.#waiting.get(bytes) ?? Promise.withResolvers<void>();
    this.#waiting.set(bytes, waiting);
    this.#poll ??= this.#startPolling();
    return waiting.promise;
  }

  close(code: number, reason: string): void {
    this.#owner.close(code, reason);
  }

  /** What the socket was given and has not taken. */
  #untakenBytes(): number {
    return this.#directBytes + this.#socket.writableLength;
  }

  /** Directly where nothing waits, which would have to go first. */
  #write(frames: Buffer): void {
    if (this.#direct !== null && this.#untakenBytes() === 0) {
      const untaken = this.#direct.write(this.#socket, frames, this);
      if (untaken !== NOT_DIRECT) {
        this.#directBytes = untaken;
        return;
      }
    }
    this.#socket.write(frames);
  }

  /** One watch for all who wait: a client can be behind in as many rooms as it may join, and leave and join them again. */
  #startPolling(): NodeJS.Timeout {
    let delayMs = DRAIN_POLL_MS;
    let before = this.bufferedBytes();
    const check = (): void => {
      for (const [bytes, { resolve }] of this.#waiting ?? []) {
        if (!this.#isDrained(bytes)) continue;
        this.#waiting?.delete(bytes);
        resolve();
      }
      if ((this.#waiting?.size ?? 0) > 0 || this.#poll === null) return;
      this.#waiting = null;
      this.#check = null;
      clearTimeout(this.#poll);
      this.#poll = null;
      this.#socket.off('drain', check);
      this.#socket.off('close', check);
    };
    // Thousands may stall at the same time: a socket that takes nothing is looked at less and less.
    const look = (): void => {
      check();
      if (this.#poll === null) return;
      const now = this.bufferedBytes();
      delayMs = now < before ? DRAIN_POLL_MS : Math.min(delayMs * 2, MAX_DRAIN_POLL_MS);
      before = now;
      this.#poll = setTimeout(look, delayMs);
    };
    this.#check = check;
    this.#socket.on('drain', check);
    this.#socket.on('close', check);
    return setTimeout(look, delayMs);
  }

  #isDrained(bytes: number): boolean {
    return this.closed || this.#socket.destroyed || this.bufferedBytes() < bytes;
  }
}
