/**
 * What a client gets, byte for byte, while direct writes, the stream's own and those of `ws` (pings, pongs, closes) take turns on a socket whose client
 * stalls, reads a little, stalls again, and ends in the middle of it. Both ends are real; schedules are random, by seed.
 */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { jsonEncoding } from '../protocol/json.ts';
import { wholeMessage } from '../protocol/websocket-frame.ts';
import { SocketSink } from './socket-sink.ts';
import { WriteTurn } from './write-turn.ts';

/** From nothing to more than a socket takes at once; sums of the small ones are copied into one write, those of the large ones are not. */
const SIZES = [0, 1, 90, 125, 126, 1_300, 4_095, 30_000, 65_536, 400_000];
const FILL_BYTES = 65_536;
/** More than the kernel keeps for both ends of a connection, in pieces of so many. */
const MAX_FILL_PIECES = 2_000;
/** Far more than the kernel keeps beside what it has. */
const HUGE_BYTES = 50_000_000;
const STEPS = 120;
/** How often a dribbling client looks at its socket for one turn. */
const DRIBBLES = 40;

let server: Server;
let websockets: WebSocketServer;

beforeEach(async () => {
  server = createServer();
  websockets = new WebSocketServer({ server, perMessageDeflate: false });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  for (const websocket of websockets.clients) websocket.terminate();
  websockets.close();
  server.close();
  await once(server, 'close');
});

/** Numbers from 0 below `below`, the same for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Its bytes are nobody else's: each four are the number and their place. */
function message(number: number, bytes: number): Buffer {
  const body = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) body.writeUInt32BE((Math.imul(number, 1_000_003) + at) >>> 0, at);
  return body;
}

const told = (kind: string, body: Buffer): string => `${kind} ${body.length} ${body.toString('base64', 0, 48)}`;

/** A sink, the WebSocket that it stands for, and a client that notes what it gets. */
class Pair {
  /** In the order in which it was handed to the socket. */
  readonly sent: string[] = [];
  readonly got: string[] = [];
  /** How often the kernel left something of a direct write. */
  leftOver = 0;
  readonly client: WebSocket;
  readonly near: WebSocket;
  readonly socket: Socket;
  readonly sink: SocketSink;
  readonly #bodies = new Map<number, Buffer>();
  #queued: string[] = [];
  #number = 0;
  #received = 0;
  #wrong: string | null = null;

  private constructor(client: WebSocket, near: WebSocket, socket: Socket, direct: boolean) {
    this.client = client;
    this.near = near;
    this.socket = socket;
    const owner = { close: (code: number, reason: string) => near.close(code, reason) };
    this.sink = new SocketSink(
      near,
      socket,
      { encoding: jsonEncoding, deflate: null, direct, turn: new WriteTurn() },
      owner,
    );
    near.on('error', () => {});
    // `ws` has written its pong when it tells of the ping.
    near.on('ping', (body: Buffer) => this.sent.push(told('pong', body)));
    client.on('error', () => {});
    client.on('message', (body: Buffer) => this.#check(body));
    client.on('ping', (body: Buffer) => this.got.push(told('ping', body)));
    client.on('pong', (body: Buffer) => this.got.push(told('pong', body)));
  }

  static async open(direct: boolean): Promise<Pair> {
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      perMessageDeflate: false,
    });
    const [[near, { socket }]] = await Promise.all([once(websockets, 'connection'), once(client, 'open')]);
    return new Pair(client, near as WebSocket, socket as Socket, direct);
  }

  /** Queues a message; `writeOut` writes it, or the turn's end. */
  queue(bytes: number): void {
    if (this.#queued.length === 0) process.nextTick(() => this.#noteQueued());
    this.sink.sendFramed(wholeMessage(this.#next(bytes), 2));
  }

  writeOut(): void {
    this.#noteQueued();
    this.sink.writeOut();
    if (this.sink.bufferedBytes() > 0 && this.socket.writableLength === 0) this.leftOver += 1;
  }

  /** Past the sink, as `ws` writes by itself. */
  sayByStream(bytes: number): void {
    this.#noteQueued();
    this.near.send(this.#next(bytes));
    this.#noteQueued();
  }

  ping(body: Buffer): void {
    this.near.ping(body);
    this.sent.push(told('ping', body));
  }

  /** Until the kernel takes no more. */
  fill(): void {
    for (let pieces = 0; pieces < MAX_FILL_PIECES; pieces += 1) {
      this.queue(FILL_BYTES);
      this.writeOut();
      if (this.sink.bufferedBytes() > 0) return;
    }
    throw new Error('the kernel took everything');
  }

  /** Throws where a body is not what was sent under its number. */
  expectRight(): void {
    if (this.#wrong !== null) throw new Error(this.#wrong);
  }

  #next(bytes: number): Buffer {
    const body = message(this.#number, bytes);
    this.#bodies.set(this.#number, body);
    this.#queued.push(told(`message ${this.#number}`, body));
    this.#number += 1;
    return body;
  }

  #noteQueued(): void {
    this.sent.push(...this.#queued);
    this.#queued = [];
  }

  #check(body: Buffer): void {
    const number = this.#received++;
    if (this.#bodies.get(number)?.equals(body) !== true) this.#wrong ??= `message ${number} is not what was sent`;
    this.#bodies.delete(number);
    this.got.push(told(`message ${number}`, body));
  }
}

/** Fills the socket, then does whatever comes to mind, stalls and resumes included. */
async function playAtRandom(pair: Pair, random: (below: number) => number): Promise<void> {
  pair.client.pause();
  pair.fill();
  for (let step = 0; step < STEPS; step += 1) {
    const what = random(12);
    if (what < 5) {
      for (let count = random(4); count >= 0; count -= 1) pair.queue(SIZES[random(SIZES.length)] as number);
      // Or the turn does it.
      if (what < 4) pair.writeOut();
      else await turn();
    } else if (what < 7) pair.ping(Buffer.from(`near ${step}`));
    else if (what < 8) pair.client.ping(Buffer.from(`client ${step}`));
    else if (what < 9) pair.client.pause();
    else if (what < 10) pair.client.resume();
    else await turn();
  }
}

/** Its client reads for one turn of the loop at a time, and now and then something is said meanwhile. */
async function dribble({ client }: Pair, say: () => void = () => {}): Promise<void> {
  for (let count = 0; count < DRIBBLES; count += 1) {
    client.resume();
    await turn();
    client.pause();
    say();
    await turn();
  }
  client.resume();
}

const ways = [
  ['directly', true],
  ['in the ordinary way', false],
] as const;
const cases = ways.flatMap(([way, direct]) => [1, 2, 3, 4].map((seed) => [way, seed, direct] as const));

test.each(cases)(
  'all that is said comes whole and in order, beside pings and pongs: %s, %i',
  async (_, seed, direct) => {
    const pair = await Pair.open(direct);
    const random = randomOf(seed);
    for (let round = 0; round < 2; round += 1) {
      await playAtRandom(pair, random);
      const drained = pair.sink.drained(1);
      await dribble(pair);
      await drained;
      expect(pair.sink.bufferedBytes()).toBe(0);
    }
    pair.sink.close(1000, 'done');
    const [code] = (await once(pair.client, 'close')) as [number];
    pair.expectRight();
    expect(code).toBe(1000);
    expect(pair.got).toEqual(pair.sent);
    // Otherwise nothing was shown.
    expect(pair.leftOver > 0).toBe(direct);
  },
);

test('what is said when a direct write is done and the stream’s is not waits for the stream', async () => {
  const pair = await Pair.open(true);
  pair.client.pause();
  pair.fill();
  // One goes to libuv, the other waits in the stream for it.
  for (const bytes of [HUGE_BYTES, 90]) pair.sayByStream(bytes);
  const isDirectDone = (): boolean => pair.sink.bufferedBytes() === pair.socket.writableLength;
  while (!isDirectDone()) {
    pair.client.resume();
    await turn();
    pair.client.pause();
    await turn();
  }
  expect(pair.socket.writableLength).toBeGreaterThan(90);
  pair.queue(90);
  pair.writeOut();
  pair.client.resume();
  await pair.sink.drained(1);
  pair.sink.close(1000, 'done');
  await once(pair.client, 'close');
  pair.expectRight();
  expect(pair.got).toEqual(pair.sent);
});

test.each(ways)(
  'a close in the middle comes behind all that was written, and nothing after it: %s',
  async (_, direct) => {
    const pair = await Pair.open(direct);
    await playAtRandom(pair, randomOf(5));
    pair.client.pause();
    pair.fill();
    pair.sink.close(1013, 'too slow');
    pair.sink.sendFramed(wholeMessage(Buffer.from('late'), 2));
    pair.sink.writeOut();
    const drained = pair.sink.drained(1);
    const closed = once(pair.client, 'close') as Promise<[number]>;
    await Promise.all([drained, dribble(pair)]);
    expect((await closed)[0]).toBe(1013);
    pair.expectRight();
    expect(pair.got).toEqual(pair.sent);
  },
);

test.each(ways)('a client that closes in the middle gets what had been written: %s', async (_, direct) => {
  const pair = await Pair.open(direct);
  await playAtRandom(pair, randomOf(6));
  pair.client.pause();
  pair.fill();
  const closed = once(pair.client, 'close') as Promise<[number]>;
  pair.client.close(1000);
  await vi.waitFor(() => expect(pair.sink.closed).toBe(true));
  pair.sink.sendFramed(wholeMessage(Buffer.from('late'), 2));
  pair.sink.writeOut();
  pair.client.resume();
  expect((await closed)[0]).toBe(1000);
  pair.expectRight();
  expect(pair.got).toEqual(pair.sent);
});

test.each(ways)(
  'a client that is gone in the middle got a beginning, and its socket holds nothing: %s',
  async (_, direct) => {
    const pair = await Pair.open(direct);
    await playAtRandom(pair, randomOf(7));
    pair.client.pause();
    pair.fill();
    const drained = pair.sink.drained(1);
    const gone = once(pair.near, 'close');
    pair.client.terminate();
    await Promise.all([drained, gone]);
    expect(pair.sink.bufferedBytes()).toBe(0);
    pair.expectRight();
    expect(pair.got).toEqual(pair.sent.slice(0, pair.got.length));
  },
);
