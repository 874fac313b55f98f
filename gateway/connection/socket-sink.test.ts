import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { jsonEncoding } from '../protocol/json.ts';
import { SocketSink } from './socket-sink.ts';
import { WriteTurn } from './write-turn.ts';

const PLAIN = { encoding: jsonEncoding, deflate: null, direct: true, turn: new WriteTurn() };

/** A socket and its WebSocket, as far as waiting for them goes. */
function createSink(): { sink: SocketSink; socket: EventEmitter & { writableLength: number } } {
  const socket = Object.assign(new EventEmitter(), { writableLength: 1_000, destroyed: false });
  const websocket = { readyState: WebSocket.OPEN };
  const sink = new SocketSink(websocket as WebSocket, socket as unknown as Duplex, PLAIN, { close: () => undefined });
  return { sink, socket };
}

test('however many rooms wait for a socket, it is watched once, and not at all when they are done', async () => {
  vi.useFakeTimers();
  try {
    const { sink, socket } = createSink();
    const waits = Array.from({ length: 1_000 }, () => sink.drained(500));
    const longer = sink.drained(100);
    expect([socket.listenerCount('drain'), socket.listenerCount('close'), vi.getTimerCount()]).toEqual([1, 1, 1]);
    socket.writableLength = 499;
    vi.advanceTimersByTime(100);
    await Promise.all(waits);
    expect(vi.getTimerCount()).toBe(1);
    socket.writableLength = 0;
    socket.emit('drain');
    await longer;
    expect([socket.listenerCount('drain'), socket.listenerCount('close'), vi.getTimerCount()]).toEqual([0, 0, 0]);
    socket.writableLength = 1_000;
    const again = sink.drained(500);
    socket.writableLength = 0;
    vi.advanceTimersByTime(100);
    await again;
  } finally {
    vi.useRealTimers();
  }
});

/** A socket that notes what is written to it, and how: each system call as one entry. */
class NotingSocket extends EventEmitter {
  readonly calls: string[][] = [];
  readonly destroyed = false;
  writableLength = 0;
  #corked: string[] | null = null;

  cork(): void {
    this.#corked = [];
  }

  uncork(): void {
    if (this.#corked !== null) this.calls.push(this.#corked);
    this.#corked = null;
  }

  write(bytes: Buffer): void {
    if (this.#corked === null) this.calls.push([bytes.toString()]);
    else this.#corked.push(bytes.toString());
  }
}

function createNotingSink() {
  const socket = new NotingSocket();
  const websocket = { readyState: WebSocket.OPEN as number };
  const sink = new SocketSink(websocket as WebSocket, socket as unknown as Duplex, PLAIN, { close: () => undefined });
  return { sink, socket, websocket };
}

const turn = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

test('a client is written to once in a turn, whatever it is told, in order', async () => {
  const clients = Array.from({ length: 3 }, createNotingSink);
  const shared = Buffer.from('window;');
  for (const { sink } of clients) sink.sendFramed(shared);
  clients[1]?.sink.sendFrame('ack');
  clients[1]?.sink.sendFramed(Buffer.from('window of another room'));
  expect(clients.map(({ socket }) => socket.calls.length)).toEqual([0, 0, 0]);
  expect(clients[0]?.sink.bufferedBytes()).toBe(7);
  await turn();
  expect(clients.map(({ socket }) => socket.calls)).toEqual([
    [['window;']],
    [['window;\x81\x03ackwindow of another room'.replace('\x81', '\ufffd')]],
    [['window;']],
  ]);
  expect(clients[0]?.sink.bufferedBytes()).toBe(0);
  clients[0]?.sink.sendFramed(shared);
  await turn();
  expect(clients.map(({ socket }) => socket.calls.length)).toEqual([2, 1, 1]);
});

test('answers wait until all that the sockets brought was handled, and go out one behind the other', async () => {
  const clients = Array.from({ length: 3 }, createNotingSink);
  const written: number[] = [];
  for (const [at, { socket }] of clients.entries()) {
    const write = socket.write.bind(socket);
    socket.write = (bytes) => {
      written.push(at);
      write(bytes);
    };
  }
  for (const { sink } of clients) {
    sink.sendFramed(Buffer.from('joined;'), 'turn');
    // As between two sockets' reads.
    await turn();
    sink.sendFramed(Buffer.from('live'), 'turn');
    expect(written).toEqual([]);
  }
  await new Promise(setImmediate);
  expect(clients.map(({ socket }) => socket.calls)).toEqual(Array(3).fill([['joined;live']]));
  expect(written).toEqual([0, 1, 2]);
});

test('a live event does not wait for that, takes along what was queued before it, and leaves nothing to write', async () => {
  const { sink, socket } = createNotingSink();
  sink.sendFramed(Buffer.from('joined;'), 'turn');
  sink.sendFramed(Buffer.from('event'));
  await turn();
  expect(socket.calls).toEqual([['joined;event']]);
  sink.sendFramed(Buffer.from('answer'), 'turn');
  await turn();
  expect(socket.calls).toHaveLength(1);
  await new Promise(setImmediate);
  expect(socket.calls).toEqual([['joined;event'], ['answer']]);
  await new Promise(setImmediate);
  expect(socket.calls).toHaveLength(2);
});

test('what is large is not copied to be joined, and still is one write', async () => {
  const { sink, socket } = createNotingSink();
  const large = 'x'.repeat(4_096);
  for (const part of ['a', large, 'b']) sink.sendFramed(Buffer.from(part));
  await turn();
  expect(socket.calls).toEqual([['a', large, 'b']]);
});

test('what is queued can be written before a close frame, and nothing is written after one', async () => {
  const { sink, socket, websocket } = createNotingSink();
  sink.sendFramed(Buffer.from('before'));
  sink.writeOut();
  expect(socket.calls).toEqual([['before']]);
  sink.sendFramed(Buffer.from('late'));
  websocket.readyState = WebSocket.CLOSING;
  sink.sendFramed(Buffer.from('later'));
  await turn();
  expect(socket.calls).toEqual([['before']]);
  expect(sink.bufferedBytes()).toBe(0);
});

test('a socket that takes nothing is looked at less and less, and closely again once it takes something', async () => {
  vi.useFakeTimers();
  try {
    const { sink, socket } = createSink();
    let looks = 0;
    let length = 1_000;
    Object.defineProperty(socket, 'writableLength', {
      get: () => {
        looks += 1;
        return length;
      },
    });
    const drained = sink.drained(500);
    looks = 0;
    vi.advanceTimersByTime(10_000);
    expect(looks).toBeLessThan(80);
    length = 900;
    for (looks = 0; looks === 0; ) vi.advanceTimersByTime(1);
    looks = 0;
    vi.advanceTimersByTime(25);
    expect(looks).toBeGreaterThan(0);
    length = 400;
    vi.advanceTimersByTime(100);
    await drained;
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
