/** A subscriber that comes once, goes away, and comes back much later with its old cursor. Writes the history's lines itself. */
import { WebSocket } from 'ws';
import { contentOf } from '../checker/log-line.ts';
import { waitFor } from '../support/wait-for.ts';
import type { Recorder } from './load/recorder.ts';

const LIVE_WITHIN_MS = 30_000;

interface Frame {
  readonly type: string;
  readonly [field: string]: unknown;
}

export class LaggingReader {
  readonly room: string;
  /** Events that were told not to be had any more. */
  missed = 0;
  gaps = 0;
  seq = 0;
  /** Told each event's data. */
  onDelivered: ((data: unknown) => void) | null = null;
  readonly #client: string;
  readonly #user: string;
  readonly #token: string;
  readonly #recorder: Recorder;
  #cursor = '';
  #socket: WebSocket | null = null;
  #live = false;

  constructor(who: { client: string; user: string; token: string; room: string }, recorder: Recorder) {
    this.room = who.room;
    this.#client = who.client;
    this.#user = who.user;
    this.#token = who.token;
    this.#recorder = recorder;
  }

  /** From the room's start, or from where it was; resolves when it is live. */
  async come(url: string): Promise<void> {
    const socket = new WebSocket(url, ['roomlog.v1.json']);
    this.#socket = socket;
    this.#live = false;
    const after = this.#cursor === '' ? 'start' : this.#cursor;
    socket.on('error', () => {});
    socket.on('open', () => {
      const rooms = [{ id: 1, room: this.room, after }];
      socket.send(JSON.stringify({ type: 'hello', token: this.#token, rooms }));
    });
    const client = this.#client;
    socket.on('message', (bytes) => {
      const frame = JSON.parse(bytes.toString()) as Frame;
      if (frame.type === 'joined') {
        if (after === 'start') this.#recorder.write({ type: 'join', client, room: this.room, from: 0 });
        else this.#recorder.write({ type: 'resume', client, room: this.room, seq: this.seq });
      } else if (frame.type === 'event') this.#delivered(frame);
      else if (frame.type === 'gap') {
        const { from, to } = frame as unknown as { from: number; to: number };
        this.#recorder.write({ type: 'gap', client, room: this.room, from, to });
        this.gaps++;
        this.missed += to - from + 1;
        this.seq = to;
      } else if (frame.type === 'live') {
        this.#live = true;
      } else if (frame.type === 'error') throw new Error(`the lagging reader was told ${String(frame.code)}`);
    });
    await waitFor(() => this.#live, { what: 'the lagging reader live', withinMs: LIVE_WITHIN_MS });
  }

  /** Takes nothing more off its socket. */
  stall(): void {
    this.#socket?.pause();
  }

  /** Takes from its socket again what it can. */
  flow(): void {
    this.#socket?.resume();
  }

  get isConnected(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  leave(): void {
    this.#socket?.terminate();
    this.#recorder.write({ type: 'close', client: this.#client });
  }

  #delivered(frame: Frame): void {
    const { seq, cursor, event, data } = frame as unknown as {
      seq: number;
      cursor: string;
      event: string;
      data: unknown;
    };
    this.seq = seq;
    this.#cursor = cursor;
    this.onDelivered?.(data);
    const content = contentOf(event, JSON.stringify(data));
    const line = { client: this.#client, room: this.room, user: this.#user, seq, content };
    this.#recorder.write({ type: 'delivery', ...line });
  }
}
