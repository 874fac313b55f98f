/** Clients that mean harm: the process lives, a bystander notices nothing, and nothing piles up. */
import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { MemoryGateway } from '../../support/memory-gateway.ts';
import { WireClient } from '../../support/wire-client.ts';

const SLOW_CLIENT_BYTES = 20_000;
let gateway: MemoryGateway;
let bystander: WireClient;

beforeAll(async () => {
  gateway = await MemoryGateway.start({
    gateway: {
      publishesPerSecond: 1_000_000,
      publishBurst: 1_000_000,
      publishBytesPerSecond: 1e9,
      publishBurstBytes: 1e9,
      slowClientBytes: SLOW_CLIENT_BYTES,
    },
  });
  bystander = await gateway.client('bystander');
});
afterEach(async () => {
  expect(await bystander.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
});
afterAll(() => gateway.stop());

/** The same numbers for the same seed (mulberry32). */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** The TCP socket below a client. */
const rawOf = (client: WireClient): { write(bytes: Buffer): void } =>
  (client.socket as unknown as { _socket: { write(bytes: Buffer): void } })._socket;

test('random bytes instead of frames end that connection only', async () => {
  for (let round = 0; round < 100; round += 1) {
    const client = await gateway.client('noise');
    rawOf(client).write(randomBytes(1 + round * 20));
    client.socket.terminate();
  }
});

test('random changes of good frames are answered or closed, never fatal', async () => {
  const good = [
    '{"type":"join","id":1,"room":"r","after":"start","presence":true,"meta":{"a":[1]}}',
    '{"type":"publish","id":2,"room":"r","pub":1,"event":"e","data":{"a":[1,"x",null]},"ttl":5}',
    '{"type":"presence","id":3,"room":"r","meta":1}',
  ];
  const seed = Date.now() | 0;
  const random = numbersFrom(seed);
  for (let round = 0; round < 60; round += 1) {
    const client = await gateway.client('fuzz');
    for (const text of good) {
      const bytes = Buffer.from(text);
      for (let change = 0; change < 3; change += 1) {
        bytes[random(bytes.length)] = 0x20 + random(0x5f);
      }
      client.send(bytes.toString('latin1'));
    }
    const alive = await Promise.race([client.ask({ type: 'ping', id: 99 }), client.close()]).catch(() => null);
    expect(alive, `seed ${seed}, round ${round}`).not.toBeNull();
    client.socket.terminate();
  }
});

test('a flood of tiny fragments ends that connection', async () => {
  const client = await gateway.client('fragments');
  client.socket.send('"', { fin: false });
  for (let count = 0; count < 20_000 && client.closed === null; count += 1) client.socket.send('', { fin: false });
  expect([1008, 1009]).toContain((await client.close()).code);
});

test('a client that asks and never reads is closed, before its answers pile up', async () => {
  const token = await gateway.token('deaf', { rooms: [] });
  const client = gateway.track(await WireClient.hello(gateway.ws, token));
  client.socket.pause();
  const room = '"'.repeat(200);
  const before = process.memoryUsage().rss;
  // The kernel takes some megabytes before the gateway can notice anything.
  for (let id = 0; id < 60_000; id += 1) client.send({ type: 'publish', id, room, event: 'e', data: 1 });
  await vi.waitFor(
    async () => {
      const metrics = await gateway.metrics.render();
      expect(metrics).toMatch(/roomlog_closes_total\{code="1013"\} 1/);
    },
    { timeout: 10_000 },
  );
  expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1_048_576);
  client.socket.terminate();
}, 20_000);

test('a hello with more rooms than a connection may join gets one answer for each', async () => {
  const rooms = Array.from({ length: 1_200 }, (_, id) => ({ id, room: `many/${id}` }));
  const client = await gateway.client('many', { rooms });
  await client.count('joined', 1_000);
  expect(await client.count('error', 200)).toHaveLength(200);
  expect(client.all('error')[0]).toMatchObject({ code: 'too_many_rooms' });
});

test('handshakes that come and go leave no connection behind', async () => {
  const open = await Promise.all(Array.from({ length: 100 }, () => WireClient.open(gateway.ws)));
  for (const client of open) client.socket.terminate();
  await vi.waitFor(async () => {
    const health = (await (await fetch(`${gateway.running.adminUrl}/health`)).json()) as { connections: number };
    expect(health.connections).toBeLessThan(20);
  });
});
