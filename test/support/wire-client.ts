/** A client that knows nothing but WebSocket, and JSON or Avro: for tests of the protocol as a stranger would write it. */
import { expect, vi } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { decodeServerFrame, encodeClientFrame } from './avro-frames.ts';

const WAIT_MS = 15_000;
export const AVRO = 'roomlog.v1.avro';

/** A server frame, parsed; fields as in docs/protocol.md. */
export type Frame = Record<string, unknown> & { readonly type: string };

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export class WireClient {
  readonly socket: WebSocket;
  readonly frames: Frame[] = [];
  /** The frames as text, in the same order. */
  readonly texts: string[] = [];
  closed: Closed | null = null;
  #nextId = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data, isBinary) => {
      expect(isBinary).toBe(this.#speaksAvro);
      const text = data.toString();
      this.texts.push(text);
      this.frames.push(isBinary ? decodeServerFrame(data as Buffer) : (JSON.parse(text) as Frame));
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    socket.on('error', () => {});
  }

  /** Resolves when the upgrade is through; rejects with `HTTP <status>` where it is refused. */
  static async open(url: string, protocols: string[] = [], options: ClientOptions = {}): Promise<WireClient> {
    const socket = new WebSocket(url, protocols, options);
    const client = new WireClient(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
      socket.once('unexpected-response', (_request, response) => {
        response.resume();
        reject(new Error(`HTTP ${response.statusCode}`));
      });
    });
    return client;
  }

  /** Opens, says hello with the token, waits for the welcome. */
  static async hello(url: string, token: string, hello: object = {}, protocols: string[] = []): Promise<WireClient> {
    const client = await WireClient.open(url, protocols);
    client.send({ type: 'hello', token, ...hello });
    await client.next('welcome');
    return client;
  }

  get #speaksAvro(): boolean {
    return this.socket.protocol === AVRO;
  }

  /** An object is sent in the subprotocol's encoding, anything else as it is: a string as text, a buffer as binary. */
  send(frame: object | string | Buffer): void {
    const raw = typeof frame === 'string' || Buffer.isBuffer(frame);
    const message = raw ? frame : this.#speaksAvro ? encodeClientFrame(frame) : JSON.stringify(frame);
    this.socket.send(message, { binary: Buffer.isBuffer(message) });
  }

  /** Sends a command under a fresh id and resolves with its answer. */
  async ask(frame: object): Promise<Frame> {
    this.#nextId += 1;
    const id = 1_000_000 + this.#nextId;
    this.send({ id, ...frame });
    return this.answer((frame as { id?: number }).id ?? id);
  }

  answer(id: number): Promise<Frame> {
    return this.find((frame) => frame.id === id, `an answer to ${id}`);
  }

  next(type: string): Promise<Frame> {
    return this.find((frame) => frame.type === type, type);
  }

  find(matches: (frame: Frame) => boolean, what = 'the frame'): Promise<Frame> {
    return vi.waitFor(
      () => {
        const found = this.frames.find(matches);
        if (found === undefined) {
          const seen = this.frames.slice(-5).map((frame) => JSON.stringify(frame));
          throw new Error(`${what} did not come; closed: ${JSON.stringify(this.closed)}; last: ${seen.join(' ')}`);
        }
        return found;
      },
      { timeout: WAIT_MS, interval: 2 },
    );
  }

  all(type: string): Frame[] {
    return this.frames.filter((frame) => frame.type === type);
  }

  /** Resolves when at least `count` frames of a type have come. */
  async count(type: string, count: number): Promise<Frame[]> {
    await vi.waitFor(() => expect(this.all(type).length).toBeGreaterThanOrEqual(count), {
      timeout: WAIT_MS,
      interval: 2,
    });
    return this.all(type);
  }

  /** Waits for the close; the frames stay readable. */
  close(): Promise<Closed> {
    return vi.waitFor(
      () => {
        if (this.closed === null) throw new Error(`not closed; frames: ${this.texts.slice(-5).join(' ')}`);
        return this.closed;
      },
      { timeout: WAIT_MS, interval: 2 },
    );
  }
}
