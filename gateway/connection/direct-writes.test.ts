/** On real sockets: what the kernel does when it is full, and Node when a socket fails, can't be played. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { jsonEncoding } from '../protocol/json.ts';
import { DirectWrites, NOT_DIRECT } from './direct-writes.ts';
import { SocketSink } from './socket-sink.ts';
import { WriteTurn } from './write-turn.ts';

const PIECE_BYTES = 65_536;
/** More than the kernel keeps for both ends of a connection. */
const MAX_PIECES = 2_000;

let server: Server;
let near: Socket;
let far: Socket;
let opened: Socket[];

beforeEach(async () => {
  opened = [];
  // The near ends don't read: only by their writes do they learn what becomes of a connection.
  server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  [near, far] = await open();
});

afterEach(async () => {
  for (const socket of opened) socket.destroy();
  server.close();
  await once(server, 'close');
});

/** Both ends of a connection. */
async function open(): Promise<[near: Socket, far: Socket]> {
  const there = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [here] = (await once(server, 'connection')) as [Socket];
  for (const socket of [here, there]) opened.push(socket.on('error', () => {}));
  return [here, there];
}

/** A sink of a near end; `close` ends the stream behind what was written. */
function createSink(direct: boolean, socket: Socket = near) {
  const websocket = { readyState: WebSocket.OPEN as number };
  const wish = { encoding: jsonEncoding, deflate: null, direct, turn: new WriteTurn() };
  return new SocketSink(websocket as WebSocket, socket, wish, { close: () => socket.end() });
}

/** The next piece of a stream in which each four bytes are their own number. */
function pieces() {
  let number = 0;
  return (): Buffer => {
    const piece = Buffer.allocUnsafe(PIECE_BYTES);
    for (let at = 0; at < PIECE_BYTES; at += 4) piece.writeUInt32BE(number++, at);
    return piece;
  };
}

/** Writes until the kernel takes no more; returns the bytes. */
function fill(sink: SocketSink, next: () => Buffer): number {
  for (let count = 1; count <= MAX_PIECES; count += 1) {
    sink.sendFramed(next());
    sink.writeOut();
    if (sink.bufferedBytes() > 0) return count * PIECE_BYTES;
  }
  throw new Error('the kernel took everything');
}

/** Reads so many bytes; throws where one is not what was written at its place. */
async function expectAll(bytes: number, socket: Socket = far): Promise<void> {
  const chunks: Buffer[] = [];
  let got = 0;
  for await (const chunk of socket) {
    chunks.push(chunk as Buffer);
    got += (chunk as Buffer).length;
    if (got >= bytes) break;
  }
  expect(got).toBe(bytes);
  const all = Buffer.concat(chunks);
  for (let at = 0; at < bytes; at += 4) if (all.readUInt32BE(at) !== at / 4) throw new Error(`not in order at ${at}`);
}

test('what the kernel takes at once is written without the stream, a turn’s pieces as one', async () => {
  const sink = createSink(true);
  const ordinary = vi.spyOn(near, 'write');
  sink.sendFramed(Buffer.from('one'));
  sink.sendFramed(Buffer.from(' write'));
  sink.writeOut();
  const [chunk] = (await once(far, 'data')) as [Buffer];
  expect(chunk.toString()).toBe('one write');
  expect(sink.bufferedBytes()).toBe(0);
  expect(near.bytesWritten).toBe(9);
  expect(ordinary).not.toHaveBeenCalled();
});

test('switched off, every write goes through the stream', async () => {
  const sink = createSink(false);
  const ordinary = vi.spyOn(near, 'write');
  sink.sendFramed(Buffer.from('piece'));
  sink.writeOut();
  await once(far, 'data');
  expect(ordinary).toHaveBeenCalledTimes(1);
});

test.each([
  ['directly', true],
  ['in the ordinary way', false],
])('a full socket’s bytes are counted until they are taken, and come in order: %s', async (_, direct) => {
  far.pause();
  const sink = createSink(direct);
  const next = pieces();
  let written = fill(sink, next);
  // The piece that did not fit counts as a whole.
  expect(sink.bufferedBytes()).toBe(PIECE_BYTES);
  expect(near.writableLength).toBe(direct ? 0 : PIECE_BYTES);
  for (let more = 2; more <= 4; more += 1) {
    sink.sendFramed(next());
    sink.writeOut();
    written += PIECE_BYTES;
    expect(sink.bufferedBytes()).toBe(more * PIECE_BYTES);
  }
  expect(sink.unreadBytes()).toBe(4 * PIECE_BYTES);
  // `ws` writes its pings to the stream itself.
  near.write(next());
  written += PIECE_BYTES;
  expect(sink.bufferedBytes()).toBe(5 * PIECE_BYTES);
  const drained = sink.drained(1);
  const end = expectAll(written);
  await drained;
  expect(sink.bufferedBytes()).toBe(0);
  await end;
});

test('sockets that are full at the same time each keep their own', async () => {
  const [otherNear, otherFar] = await open();
  far.pause();
  otherFar.pause();
  const [sink, otherSink] = [createSink(true), createSink(true, otherNear)];
  const written = fill(sink, pieces());
  const otherWritten = fill(otherSink, pieces());
  await Promise.all([expectAll(otherWritten, otherFar), otherSink.drained(1)]);
  expect([sink.bufferedBytes(), otherSink.bufferedBytes()]).toEqual([PIECE_BYTES, 0]);
  await Promise.all([expectAll(written), sink.drained(1)]);
});

test('a socket that was full is written to directly again', async () => {
  far.pause();
  const sink = createSink(true);
  const next = pieces();
  const written = fill(sink, next);
  const drained = sink.drained(1);
  far.resume();
  await drained;
  const ordinary = vi.spyOn(near, 'write');
  sink.sendFramed(next());
  sink.writeOut();
  expect(ordinary).not.toHaveBeenCalled();
  await vi.waitFor(() => expect(far.bytesRead).toBe(written + PIECE_BYTES));
});

test('who waits for a socket is told as soon as the kernel has taken its bytes, not at the next look', async () => {
  far.pause();
  const sink = createSink(true);
  fill(sink, pieces());
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  try {
    const drained = sink.drained(1);
    far.resume();
    await drained;
  } finally {
    vi.useRealTimers();
  }
});

test('a socket that ends while bytes wait gives all of them to the client first', async () => {
  far.pause();
  const sink = createSink(true);
  const written = fill(sink, pieces());
  sink.close(1000, 'done');
  await expectAll(written);
  await vi.waitFor(() => expect(near.writableFinished).toBe(true));
});

test('a client that resets its connection while bytes wait leaves a closed socket and nothing to wait for', async () => {
  far.pause();
  const sink = createSink(true);
  fill(sink, pieces());
  const drained = sink.drained(1);
  far.resetAndDestroy();
  await drained;
  expect(near.destroyed).toBe(true);
  expect(sink.bufferedBytes()).toBe(0);
  // Nobody has told the WebSocket yet.
  sink.sendFramed(Buffer.from('late'));
  sink.writeOut();
});

test('destroying a socket lets go of what waits', async () => {
  far.pause();
  const sink = createSink(true);
  fill(sink, pieces());
  near.destroy();
  await once(near, 'close');
  await vi.waitFor(() => expect(sink.bufferedBytes()).toBe(0));
});

test('a write that fails at once destroys the socket, and the next one elsewhere succeeds', async () => {
  const direct = DirectWrites.open() as DirectWrites;
  const closed = once(near, 'close');
  // The near end is shut while its stream knows nothing of it.
  const { _handle: handle } = near as unknown as { _handle: { shutdown(request: object): number } };
  const { ShutdownWrap } = (
    process as unknown as { binding(name: string): { ShutdownWrap: new () => object } }
  ).binding('stream_wrap');
  const { promise: shut, resolve } = Promise.withResolvers<void>();
  handle.shutdown(Object.assign(new ShutdownWrap(), { oncomplete: resolve }));
  await shut;
  expect(direct.write(near, Buffer.from('lost'), { onTaken: () => {} })).toBe(0);
  await closed;
  const [other, client] = await open();
  expect(direct.write(other, Buffer.from('kept'), { onTaken: () => {} })).toBe(0);
  expect(((await once(client, 'data')) as [Buffer])[0].toString()).toBe('kept');
});

test('what is no TCP socket, or no longer, is left to the ordinary way', () => {
  const direct = DirectWrites.open() as DirectWrites;
  const other = Object.assign(new PassThrough(), { _handle: { writeBuffer: () => 0 } });
  expect(direct.write(other, Buffer.from('x'), { onTaken: () => {} })).toBe(NOT_DIRECT);
  near.destroy();
  expect(direct.write(near, Buffer.from('x'), { onTaken: () => {} })).toBe(NOT_DIRECT);
});

test('a Node that has these internals no more is written to in the ordinary way', () => {
  expect(DirectWrites.open(() => ({}))).toBeNull();
  expect(
    DirectWrites.open(() => {
      throw new Error('No such binding');
    }),
  ).toBeNull();
  expect(DirectWrites.open()).not.toBeNull();
});
