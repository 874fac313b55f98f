/** A bare WebSocket client for resume tests: every frame as it came, no convenience of the SDK in between. */
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { token, waitFor } from '../support/stack.ts';

export interface Frame {
  readonly type: string;
  readonly id?: number;
  readonly room?: string;
  readonly seq?: number;
  readonly cursor?: string;
  readonly code?: string;
  readonly data?: unknown;
  readonly time?: number;
  readonly recovered?: boolean;
  readonly from?: number;
  readonly to?: number;
  readonly events?: readonly Frame[];
}

export class BareClient {
  readonly frames: Frame[] = [];
  readonly socket: WebSocket;
  #nextId = 1;
  closeCode: number | null = null;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (text) => this.frames.push(JSON.parse(String(text)) as Frame));
    socket.on('close', (code) => {
      this.closeCode = code;
    });
    socket.on('error', () => {});
  }

  static async connect(url: string, hello: object = {}): Promise<BareClient> {
    const socket = new WebSocket(url, 'roomlog.v1.json');
    const client = new BareClient(socket);
    await once(socket, 'open');
    client.send({ type: 'hello', token: await token('resumer'), ...hello });
    await client.first('welcome');
    return client;
  }

  send(frame: object): void {
    this.socket.send(JSON.stringify(frame));
  }

  /** Sends a frame with an id; resolves with its answer. */
  async ask(frame: object): Promise<Frame> {
    const id = this.#nextId;
    this.#nextId += 1;
    this.send({ ...frame, id });
    return waitFor(() => this.frames.find((answer) => answer.id === id), {
      what: `an answer to ${JSON.stringify(frame)}`,
    });
  }

  join(room: string, start: object = {}): Promise<Frame> {
    return this.ask({ type: 'join', room, ...start });
  }

  /** Publishes without waiting; the answers come as frames. */
  publish(room: string, pub: number, data: unknown): void {
    this.send({ type: 'publish', id: 1_000_000 + pub, room, pub, event: 'said', data });
  }

  /** Publishes 1 … count in order, at most 32 unanswered, and resolves when all are acked. */
  async publishAll(
    room: string,
    from: number,
    to: number,
    make: (pub: number) => unknown = (pub) => pub,
  ): Promise<void> {
    const acked = (): number => this.frames.filter(({ type, room: of }) => type === 'ack' && of === room).length;
    const before = acked();
    for (let pub = from; pub <= to; pub += 1) {
      await waitFor(() => pub - from - (acked() - before) < 32, { withinMs: 20_000, what: 'a free place' });
      this.publish(room, pub, make(pub));
    }
    await waitFor(() => acked() - before === to - from + 1, { withinMs: 20_000, what: 'all acks' });
  }

  first(type: string, room?: string): Promise<Frame> {
    return waitFor(
      () => this.frames.find((frame) => frame.type === type && (room === undefined || frame.room === room)),
      {
        what: `a ${type} frame`,
      },
    );
  }

  events(room: string): Frame[] {
    return this.frames
      .flatMap((frame) =>
        frame.type === 'batch' ? (frame.events ?? []).map((event) => ({ ...event, type: 'event' })) : [frame],
      )
      .filter((frame) => frame.type === 'event' && frame.room === room);
  }

  seqs(room: string): number[] {
    return this.events(room).map(({ seq }) => seq ?? Number.NaN);
  }

  /** Resolves once the room's event with this seq has come. */
  async until(room: string, seq: number, withinMs = 15_000): Promise<void> {
    await waitFor(() => this.seqs(room).at(-1) === seq, {
      withinMs,
      what: `seq ${seq} of ${room}, at ${this.seqs(room).at(-1)}`,
    });
  }

  close(): void {
    this.socket.terminate();
  }
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);
