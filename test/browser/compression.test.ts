/** A room's shared compressed frames in a real Chromium, whose inflater is no code of ours or of Node's. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MemoryGateway } from '../support/memory-gateway.ts';
import { launchChromium } from './chromium.ts';

const EVENTS = 3;
const text = (words: number): string => Array.from({ length: words }, (_, index) => `wörd ${index % 7}`).join(' ');

let browser: Browser;
let gateway: MemoryGateway;
/** What the gateway has sent through it, as it was sent. */
let received = Buffer.alloc(0);
const wire = createServer((from) => {
  const to = connect(Number(new URL(gateway.running.url).port), '127.0.0.1');
  to.on('data', (bytes: Buffer) => {
    received = Buffer.concat([received, bytes]);
  });
  for (const socket of [from, to]) socket.on('error', () => socket.destroy());
  from.pipe(to).pipe(from);
});

beforeAll(async () => {
  gateway = await MemoryGateway.start({
    gateway: { compression: true, compressionMinBytes: 500 },
    auth: { allowedOrigins: ['*'] },
  });
  wire.listen(0, '127.0.0.1');
  await once(wire, 'listening');
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  wire.close();
  await gateway?.stop();
});

/** Runs in the page: joins, and resolves with the data of the first events. */
function collect([url, token, room, batch, count]: readonly [string, string, string, boolean, number]) {
  const socket = new WebSocket(url, 'roomlog.v1.json');
  return new Promise<{ extensions: string; data: unknown[] }>((resolve, reject) => {
    const data: unknown[] = [];
    socket.onopen = () => {
      socket.send(JSON.stringify({ type: 'hello', token, batch }));
      socket.send(JSON.stringify({ type: 'join', id: 1, room, after: 'start' }));
    };
    socket.onclose = ({ code, reason }) => reject(new Error(`closed with ${code} ${reason}`));
    socket.onmessage = ({ data: frame }) => {
      const { type, events, ...event } = JSON.parse(frame as string);
      for (const one of type === 'batch' ? events : type === 'event' ? [event] : []) data.push(one.data);
      if (data.length >= count) resolve({ extensions: socket.extensions, data });
    };
  });
}

test.each([
  ['one by one', false],
  ['in batches', true],
])('Chromium inflates what a room’s members share, %s', async (room, batch) => {
  const publisher = await gateway.client('publisher');
  const sent = Array.from({ length: EVENTS }, (_, index) => text(1_000 + index));
  const page = await browser.newPage();
  received = Buffer.alloc(0);
  const url = `ws://127.0.0.1:${(wire.address() as AddressInfo).port}/v1/ws`;
  const collected = page.evaluate(collect, [url, await gateway.token(), room, batch, EVENTS] as const);
  for (const [index, data] of sent.entries()) {
    await publisher.ask({ type: 'publish', room, pub: index + 1, event: 'said', data });
  }
  expect(await collected).toEqual({ extensions: expect.stringContaining('permessage-deflate'), data: sent });
  expect(received.length).toBeLessThan(5_000);
  expect(received.includes(text(3))).toBe(false);
  await page.close();
});
