/** permessage-deflate as clients of other makes see it: negotiated, shared, mixed with plain members, and bounded on the way in. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PerMessageDeflateOptions, WebSocket } from 'ws';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import { WireClient } from '../../support/wire-client.ts';

const MIN_BYTES = 500;
const MAX_FRAME_BYTES = 65_536;
let gateway: MemoryGateway;

beforeAll(async () => {
  gateway = await MemoryGateway.start({
    gateway: { compression: true, compressionMinBytes: MIN_BYTES, maxFrameBytes: MAX_FRAME_BYTES },
  });
});
afterAll(() => gateway.stop());

interface Joined {
  readonly client: WireClient;
  /** All that came in, frames as they were sent. */
  readonly received: Buffer[];
}

async function join(
  room: string,
  perMessageDeflate: boolean | PerMessageDeflateOptions,
  batch = false,
  of: MemoryGateway = gateway,
): Promise<Joined> {
  const client = of.track(await WireClient.open(of.ws, [], { perMessageDeflate }));
  const received: Buffer[] = [];
  (client.socket as unknown as { _socket: Duplex })._socket.prependListener('data', (bytes: Buffer) => {
    received.push(Buffer.from(bytes));
  });
  client.send({ type: 'hello', token: await of.token(), batch });
  client.send({ type: 'join', id: 1, room });
  await client.next('live');
  received.length = 0;
  return { client, received };
}

const bytesOf = ({ received }: Joined): number => received.reduce((sum, { length }) => sum + length, 0);
const text = (words: number): string => Array.from({ length: words }, (_, index) => `word ${index % 7}`).join(' ');

test('plain, compressed and batching members of one room get the same events', async () => {
  const members = [
    await join('mixed', false),
    await join('mixed', true),
    await join('mixed', true, true),
    await join('mixed', false, true),
    // As Python's websockets asks, and a client whose window is too small for what is shared.
    await join('mixed', { serverMaxWindowBits: 12, clientMaxWindowBits: 12 }),
    await join('mixed', { serverMaxWindowBits: 9 }),
  ];
  const [plain, deflated, batched, , python, small] = members as [Joined, Joined, Joined, Joined, Joined, Joined];
  const publisher = await gateway.client('publisher');
  const sent = [text(1_000), text(2), text(300), 'é'.repeat(2_000)];
  for (const [index, data] of sent.entries()) {
    publisher.send({ type: 'publish', id: index + 1, room: 'mixed', pub: index + 1, event: 'said', data });
  }
  const events = (of: Joined) =>
    of.client.frames.flatMap((frame) => (frame.type === 'batch' ? (frame.events as typeof of.client.frames) : [frame]));
  for (const member of members) {
    await member.client.find(() => events(member).some(({ seq, type }) => type === 'event' && seq === 4));
    expect(
      events(member)
        .filter(({ type }) => type === 'event')
        .map(({ data }) => data),
    ).toEqual(sent);
  }
  expect(plain.client.socket.extensions).toBe('');
  expect(deflated.client.socket.extensions).toBe('permessage-deflate');
  expect(bytesOf(plain)).toBeGreaterThan(12_000);
  for (const member of [deflated, batched, python]) expect(bytesOf(member)).toBeLessThan(2_500);
  expect(bytesOf(small)).toBe(bytesOf(plain));
});

test('what a client missed is compressed as well', async () => {
  const publisher = await gateway.client('publisher');
  await publisher.ask({ type: 'publish', room: 'missed', pub: 1, event: 'said', data: text(1_000) });
  const client = gateway.track(await WireClient.open(gateway.ws, [], { perMessageDeflate: true }));
  let bytes = 0;
  (client.socket as unknown as { _socket: Duplex })._socket.prependListener('data', (some: Buffer) => {
    bytes += some.length;
  });
  client.send({ type: 'hello', token: await gateway.token() });
  client.send({ type: 'join', id: 1, room: 'missed', after: 'start' });
  expect((await client.next('event')).data).toBe(text(1_000));
  expect(bytes).toBeLessThan(2_000);
});

test('only those who said so get batches, and a single event is none', async () => {
  const publisher = await gateway.client('publisher');
  for (const pub of [1, 2, 3]) await publisher.ask({ type: 'publish', room: 'batches', pub, event: 'said', data: pub });
  const types = async (batch: boolean): Promise<unknown[]> => {
    const client = gateway.track(await WireClient.open(gateway.ws));
    client.send({ type: 'hello', token: await gateway.token(), batch });
    client.send({ type: 'join', id: 1, room: 'batches', after: 'start' });
    await client.next('live');
    return client.frames.map(({ type, events }) => [type, (events as unknown[] | undefined)?.length ?? 0]);
  };
  const [welcome, joined, live] = ['welcome', 'joined', 'live'].map((type) => [type, 0]);
  expect(await types(true)).toEqual([welcome, joined, ['batch', 3], live]);
  expect(await types(false)).toEqual([welcome, joined, ['event', 0], ['event', 0], ['event', 0], live]);
});

test('neither side keeps a context from message to message: what is shared fits all, and an inflater holds nothing between two', async () => {
  const socket = new WebSocket(gateway.ws, { perMessageDeflate: true });
  const [[response]] = (await Promise.all([once(socket, 'upgrade'), once(socket, 'open')])) as [[IncomingMessage], []];
  socket.terminate();
  expect(response.headers['sec-websocket-extensions']).toBe(
    'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
  );
});

test('a compressed frame counts as what it is inflated: a bomb is 1009, and nobody else notices', async () => {
  const { client } = await join('bomb', { threshold: 0, clientNoContextTakeover: true });
  const bystander = await gateway.client('bystander');
  const good = JSON.stringify({ type: 'ping', id: 1, pad: 'x'.repeat(50_000) });
  client.socket.send(good, { compress: true });
  await client.next('pong');
  client.socket.send(`{"type":"ping","id":2,"pad":"${'x'.repeat(50_000_000)}"}`, { compress: true });
  expect((await client.close()).code).toBe(1009);
  expect(await bystander.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
});

test('bytes that are no deflate stream close with 1007', async () => {
  const { client } = await join('rubbish', true);
  const payload = Buffer.alloc(20, 0xff);
  const masked = Buffer.concat([Buffer.from([0xc1, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
  (client.socket as unknown as { _socket: Duplex })._socket.write(masked);
  expect((await client.close()).code).toBe(1007);
});

test('compression is not negotiated unless it is asked for', async () => {
  const plain = await MemoryGateway.start();
  try {
    const { client } = await join('off', true, false, plain);
    expect(client.socket.extensions).toBe('');
  } finally {
    await plain.stop();
  }
});
