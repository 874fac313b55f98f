/** A gateway out of a few lines and no log, which can be told to break one promise: shows that the k6 scripts notice. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';

interface StoredEvent {
  readonly type: 'event';
  readonly room: string;
  readonly seq: number;
  readonly cursor: string;
  readonly session: string;
  readonly data: unknown;
}

export interface Script {
  /** What a member is sent instead of this event: nothing, the event twice, another one. */
  deliver?(event: StoredEvent, member: Member): readonly object[];
  /** How long an event is held back, ms. */
  delayMs?: number;
  /** Instead of taking the publish in: how many events it becomes (0: acked without being one). */
  becomes?(publish: { pub: number; room: string }): number;
  /** Instead of an `ack`. */
  answer?(publish: { id: number; pub: number; room: string }): object | null;
  /** Ends every connection of the room, once, where this event would be delivered. */
  breakAtSeq?: number;
  /** Skips what a member missed while it was away. */
  forgetful?: boolean;
  /** What `joined` says of a resume. */
  recovered?: boolean;
  /** How long `welcome` and what follows it is held back, ms. */
  welcomeDelayMs?: number;
  /** Instead of `welcome`. */
  closeWith?: number;
  pong?: boolean;
}

export interface Member {
  /** Counts connections. */
  readonly number: number;
  /** For scripts to remember what they held back. */
  held: StoredEvent | null;
}

interface ClientFrame {
  readonly type: string;
  readonly id: number;
  readonly room: string;
  readonly pub: number;
  readonly data: unknown;
  readonly after?: string;
  readonly session?: string;
  readonly rooms?: readonly ClientFrame[];
}

export class ScriptedGateway {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #script: Script;
  readonly #rooms = new Map<string, { events: StoredEvent[]; members: Map<WebSocket, Member> }>();
  readonly #taken = new Map<string, number>();
  #connections = 0;

  private constructor(server: Server, script: Script) {
    this.#server = server;
    this.#script = script;
    this.#sockets = new WebSocketServer({ server });
    this.#sockets.on('connection', (socket) => this.#connected(socket));
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/ws`;
  }

  static async start(script: Script): Promise<ScriptedGateway> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new ScriptedGateway(server, script);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #connected(socket: WebSocket): void {
    const member: Member = { number: ++this.#connections, held: null };
    let session = `session-${member.number}`;
    const send = (frame: object): void => socket.send(JSON.stringify(frame));
    socket.on('error', () => {});
    socket.on('close', () => {
      for (const { members } of this.#rooms.values()) members.delete(socket);
    });
    socket.on('message', (message) => {
      const frame = JSON.parse(String(message)) as ClientFrame;
      if (frame.type === 'hello') {
        if (this.#script.closeWith !== undefined) return socket.close(this.#script.closeWith);
        session = frame.session ?? session;
        setTimeout(() => {
          send({ type: 'welcome', session });
          for (const join of frame.rooms ?? []) this.#join(socket, member, join);
        }, this.#script.welcomeDelayMs ?? 0);
      } else if (frame.type === 'publish') {
        this.#publish(frame, session);
        const answer = this.#script.answer?.(frame);
        if (answer !== null) send(answer ?? { type: 'ack', id: frame.id, room: frame.room, pub: frame.pub });
      } else if (frame.type === 'ping' && this.#script.pong !== false) send({ type: 'pong', id: frame.id });
    });
  }

  #room(name: string): { events: StoredEvent[]; members: Map<WebSocket, Member> } {
    const room = this.#rooms.get(name) ?? { events: [], members: new Map() };
    this.#rooms.set(name, room);
    return room;
  }

  #join(socket: WebSocket, member: Member, { id, room: name, after }: ClientFrame): void {
    const { events, members } = this.#room(name);
    const head = { room: name, seq: events.length, cursor: `c${events.length}` };
    const from = after === undefined || after === 'start' ? 0 : Number(after.slice(1));
    const { recovered = after !== 'start' } = this.#script;
    socket.send(JSON.stringify({ type: 'joined', id, ...head, recovered }));
    const missed = this.#script.forgetful === true && from > 0 ? [] : events.slice(from);
    for (const event of missed) socket.send(JSON.stringify(event));
    socket.send(JSON.stringify({ type: 'live', ...head }));
    members.set(socket, member);
  }

  #publish({ room: name, pub, data }: ClientFrame, session: string): void {
    const key = `${session} ${name}`;
    if (pub <= (this.#taken.get(key) ?? 0)) return;
    this.#taken.set(key, pub);
    const room = this.#room(name);
    const times = this.#script.becomes?.({ pub, room: name }) ?? 1;
    for (let time = 0; time < times; time++) {
      const seq = room.events.length + 1;
      const event: StoredEvent = { type: 'event', room: name, seq, cursor: `c${seq}`, session, data };
      room.events.push(event);
      if (this.#script.breakAtSeq === seq) for (const socket of room.members.keys()) socket.terminate();
      for (const [socket, member] of room.members) this.#deliver(socket, event, member);
    }
  }

  #deliver(socket: WebSocket, event: StoredEvent, member: Member): void {
    const { deliver, delayMs } = this.#script;
    const send = (): void => {
      if (socket.readyState !== socket.OPEN) return;
      for (const frame of deliver?.(event, member) ?? [event]) socket.send(JSON.stringify(frame));
    };
    if (delayMs === undefined) send();
    else setTimeout(send, delayMs);
  }
}
