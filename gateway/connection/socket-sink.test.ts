import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { SocketSink } from './socket-sink.ts';

/** A socket and its WebSocket, as far as waiting for them goes. */
function createSink(): { sink: SocketSink; socket: EventEmitter & { writableLength: number } } {
  const socket = Object.assign(new EventEmitter(), { writableLength: 1_000, destroyed: false });
  const websocket = { readyState: WebSocket.OPEN };
  const sink = new SocketSink(websocket as WebSocket, socket as unknown as Duplex, null, () => undefined);
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
