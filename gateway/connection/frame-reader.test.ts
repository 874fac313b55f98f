import { expect, it } from 'vitest';
import { configSchema } from '../../core/config/schema.ts';
import { jsonEncoding } from '../protocol/json.ts';
import type { Client, ConnectionState } from './client.ts';
import { FrameReader } from './frame-reader.ts';

class Socket {
  isPaused = false;
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
  }
  pongs = 0;
  pong(): void {
    this.pongs += 1;
  }
}

it('leaves a socket unread that a publish behind the hello has filled up, until there is room', () => {
  const socket = new Socket();
  const client = {
    state: 'verifying' as ConnectionState,
    encoding: jsonEncoding,
    services: {
      limits: configSchema.parse({}).gateway,
      clock: { monotonic: () => 1_000, now: () => 1_000 },
      metrics: { received: () => {} },
      bound: { stored: (_event: string, content: object) => content },
    },
    principal: { permissions: { require: () => {} } },
    // As a publisher does that has no room.
    publishes: { submit: () => reader.stopReading() },
    begin: () => {},
    fail: (_id: number, thrown: unknown) => {
      throw thrown;
    },
  };
  const reader = new FrameReader(client as unknown as Client, socket, { has: () => false });
  expect(socket.isPaused).toBe(false);
  const publish = { type: 'publish', id: 1, room: 'r', pub: 1, event: 'e', data: 1 };
  reader.onMessage(Buffer.from(JSON.stringify(publish)), false);
  expect(socket.isPaused).toBe(true);
  client.state = 'open';
  reader.verified();
  expect(socket.isPaused).toBe(true);
  expect(reader.wasUnread(0)).toBe(true);
  reader.readOn();
  expect(socket.isPaused).toBe(false);
});

it('keeps a bounded number of frames while a token is looked at', () => {
  const closed: number[] = [];
  const client = {
    state: 'verifying',
    services: { limits: configSchema.parse({}).gateway, clock: { monotonic: () => 0 } },
    close: (code: number) => closed.push(code),
  };
  const socket = new Socket();
  const reader = new FrameReader(client as unknown as Client, socket, { has: () => false });
  for (let count = 0; count < 4_096; count += 1) reader.onMessage(Buffer.from('{}'), false);
  expect([socket.isPaused, closed]).toEqual([true, []]);
  reader.onMessage(Buffer.from('{}'), false);
  expect(closed).toEqual([1008]);
});

it('queues no pongs for a client that does not take what it is sent', () => {
  const limits = configSchema.parse({}).gateway;
  const sink = { closed: false, bufferedBytes: () => limits.slowClientBytes };
  const client = { state: 'open', sink, services: { limits, clock: { monotonic: () => 0 } } };
  const socket = new Socket();
  const reader = new FrameReader(client as unknown as Client, socket, { has: () => false });
  reader.onPing(Buffer.alloc(0));
  expect(socket.pongs).toBe(1);
  sink.bufferedBytes = () => limits.slowClientBytes + 1;
  reader.onPing(Buffer.alloc(0));
  expect(socket.pongs).toBe(1);
});
