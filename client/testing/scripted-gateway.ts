/** A WebSocket server that does what a test tells it, to show how the client answers. Only for tests. */
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

export type Frame = Record<string, unknown> & { type: string; id?: number };

/** One connection of the client under test, as the server sees it. */
export class Peer {
  readonly received: Frame[] = [];
  readonly #socket: WebSocket;
  #taken = 0;
  #closed = false;
  #wake = () => {};

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data) => {
      this.received.push(JSON.parse(String(data)) as Frame);
      this.#wake();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#wake();
    });
    socket.on('error', () => {});
  }

  /** The next frame of the client that has not been taken. */
  async next(type?: string): Promise<Frame> {
    for (;;) {
      const frame = this.received[this.#taken];
      if (frame) {
        this.#taken += 1;
        if (type !== undefined && frame.type !== type)
          throw new Error(`expected ${type}, got ${JSON.stringify(frame)}`);
        return frame;
      }
      if (this.#closed) throw new Error(`the client closed while ${type ?? 'a frame'} was expected`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when the client has closed the connection. */
  async gone(): Promise<void> {
    while (!this.#closed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  send(frame: object): void {
    this.#socket.send(JSON.stringify(frame));
  }

  sendRaw(text: string): void {
    this.#socket.send(text);
  }

  close(code: number, reason = ''): void {
    this.#socket.close(code, reason);
  }

  /** Cuts the connection without a closing handshake. */
  cut(): void {
    this.#socket.terminate();
  }

  welcome(session: string, changes: object = {}): void {
    const time = Date.now();
    this.send({
      type: 'welcome',
      connection: 'c-1',
      gateway: 'scripted',
      user: 'alice',
      session,
      sessionExpires: time + 86_400_000,
      heartbeat: 30_000,
      maxFrame: 65_536,
      expires: time + 3_600_000,
      time,
      ...changes,
    });
  }
}

export class ScriptedGateway {
  readonly #server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'roomlog.v1.json' });
  readonly #arrived: Peer[] = [];
  #wake = () => {};
  connections = 0;

  static async start(): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway();
    await new Promise<void>((resolve) => gateway.#server.once('listening', resolve));
    gateway.#server.on('connection', (socket) => {
      gateway.connections += 1;
      gateway.#arrived.push(new Peer(socket));
      gateway.#wake();
    });
    return gateway;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1/ws`;
  }

  /** The next connection. */
  async accept(): Promise<Peer> {
    for (;;) {
      const peer = this.#arrived.shift();
      if (peer) return peer;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next connection, welcomed; its `hello` comes with it. */
  async welcome(session = 's-1', changes: object = {}): Promise<{ peer: Peer; hello: Frame }> {
    const peer = await this.accept();
    const hello = await peer.next('hello');
    peer.welcome(session, changes);
    return { peer, hello };
  }

  async stop(): Promise<void> {
    for (const socket of this.#server.clients) socket.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
