/**
 * A way to a broker that reads Kafka's frames, so that a test can lose, hold or change answers of one kind and let all others through:
 * heartbeats go on while fetches fall silent.
 */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** Keys of Kafka's protocol. */
export const API = { produce: 0, fetch: 1, metadata: 3, joinGroup: 11, heartbeat: 12, syncGroup: 14 } as const;

/** The answer to a request of this kind, from the correlation id on: as it is, changed, or null to lose it. */
export type OnAnswer = (api: number, answer: Buffer) => Buffer | null;

const LENGTH_BYTES = 4;

export class KafkaProxy {
  readonly port: number;
  /** How many answers were lost. */
  lost = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #onAnswer: OnAnswer = (_, answer) => answer;

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  /** `target`: the broker's port on this machine. */
  static async before(target: number): Promise<KafkaProxy> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new KafkaProxy(server);
    server.on('connection', (client) => proxy.#carry(client, target));
    return proxy;
  }

  /** From now on; null lets everything through again. */
  change(onAnswer: OnAnswer | null): void {
    this.#onAnswer = onAnswer ?? ((_, answer) => answer);
  }

  /** Loses the answers to requests of these kinds, until `change` says otherwise. */
  lose(...apis: readonly number[]): void {
    this.change((api, answer) => (apis.includes(api) ? null : answer));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #carry(client: Socket, target: number): void {
    const broker = connect(target, '127.0.0.1');
    /** What each request asked for, by correlation id. */
    const asked = new Map<number, number>();
    client.on('data', (bytes) => broker.write(bytes));
    client.on(
      'data',
      frames((frame) => void asked.set(frame.readInt32BE(4), frame.readInt16BE(0))),
    );
    broker.on(
      'data',
      frames((frame) => {
        const id = frame.readInt32BE(0);
        const answer = this.#onAnswer(asked.get(id) ?? -1, frame);
        asked.delete(id);
        if (answer === null) {
          this.lost++;
          return;
        }
        const length = Buffer.alloc(LENGTH_BYTES);
        length.writeInt32BE(answer.length);
        client.write(Buffer.concat([length, answer]));
      }),
    );
    for (const [socket, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}

/** Cuts a stream into Kafka's length-prefixed frames. */
function frames(onFrame: (frame: Buffer) => void): (bytes: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    while (rest.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + rest.readInt32BE(0);
      if (rest.length < end) return;
      onFrame(Buffer.from(rest.subarray(LENGTH_BYTES, end)));
      rest = rest.subarray(end);
    }
  };
}
