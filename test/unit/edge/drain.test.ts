/** How a gateway comes and goes. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { EventLog } from '../../../core/ports/event-log.ts';
import { MemoryGateway, type MemoryGatewayOptions } from '../../support/memory-gateway.ts';
import { MemoryStream } from '../../support/memory-stream.ts';
import { WireClient } from '../../support/wire-client.ts';

const started: MemoryGateway[] = [];
afterEach(async () => {
  for (const gateway of started.splice(0)) await gateway.stop();
});
async function start(options: MemoryGatewayOptions = {}): Promise<MemoryGateway> {
  const gateway = await MemoryGateway.start({ partitions: 1, ...options });
  started.push(gateway);
  return gateway;
}
const json = async (url: string): Promise<{ status: number; body: Record<string, unknown> }> => {
  const response = await fetch(url);
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

describe('a gateway that stops', () => {
  test('sends every client away with reconnect and 1012, spread over the window', async () => {
    const gateway = await start({ gateway: { drainWindowMs: 200 } });
    const clients = await Promise.all(Array.from({ length: 10 }, (_, at) => gateway.client(`user-${at}`)));
    const closedAt: number[] = [];
    for (const client of clients) client.socket.on('close', () => closedAt.push(performance.now()));
    await gateway.running.stop();
    for (const client of clients) {
      expect(await client.close()).toMatchObject({ code: 1012 });
      expect(client.frames.at(-1)).toMatchObject({
        type: 'reconnect',
        delay: expect.any(Number),
        reason: expect.any(String),
      });
    }
    expect(Math.max(...closedAt) - Math.min(...closedAt)).toBeGreaterThan(100);
  });

  test('answers what it has taken before it says goodbye', async () => {
    const gateway = await start({ gateway: { drainWindowMs: 1 } });
    const client = await gateway.client();
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    gateway.stream.cluster.onAppend = ({ topic }) => (topic.endsWith('inbound') ? { hold: held } : undefined);
    client.send({ type: 'publish', id: 1, room: 'r', event: 'e', data: 1 });
    await client.ask({ type: 'ping' });
    const stopped = gateway.running.stop();
    const late = await vi.waitFor(async () => {
      const answer = await client.ask({ type: 'ping' });
      expect(answer).toMatchObject({ type: 'error', code: 'draining' });
      return answer;
    });
    expect(late).toBeDefined();
    release();
    await stopped;
    expect(client.frames.slice(-2).map(({ type }) => type)).toEqual(['ack', 'reconnect']);
    expect(client.closed).toMatchObject({ code: 1012 });
  });

  test('is not ready first, still takes clients while load balancers notice, then refuses with 503', async () => {
    const gateway = await start({ gateway: { drainDelayMs: 500, drainWindowMs: 1_000 } });
    const { url } = gateway.running;
    await gateway.client();
    expect(await json(`${url}/ready`)).toMatchObject({ status: 200 });
    const stopped = gateway.running.stop();
    expect(await json(`${url}/ready`)).toMatchObject({ status: 503, body: { reason: 'draining' } });
    expect(await json(`${url}/health`)).toMatchObject({ status: 503, body: { status: 'draining' } });
    expect(await json(`${url}/live`)).toMatchObject({ status: 200 });
    await gateway.client('late');
    await vi.waitFor(() => expect(WireClient.open(gateway.ws)).rejects.toThrow('HTTP 503'), { interval: 20 });
    await stopped;
    await expect(fetch(url)).rejects.toThrow();
  });

  test('destroys the sockets of clients that do not answer', async () => {
    const gateway = await start();
    const client = await gateway.client();
    client.socket.pause();
    const startedAt = performance.now();
    await gateway.running.stop();
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    client.socket.resume();
    await client.close();
  });

  test('may be told twice', async () => {
    const gateway = await start();
    await Promise.all([gateway.running.stop(), gateway.running.stop()]);
  });
});

describe('a gateway that starts', () => {
  test('answers probes before it is ready, and upgrades with 503', async () => {
    const stream = new MemoryStream();
    let release = (_log: EventLog): void => {};
    const opened = new Promise<EventLog>((resolve) => {
      release = resolve;
    });
    const port = await freePort();
    const starting = start({ stream, gateway: { port }, dependencies: { openLog: () => opened } });
    const url = `http://127.0.0.1:${port}`;
    await vi.waitFor(async () => expect((await fetch(`${url}/live`)).status).toBe(200));
    expect(await json(`${url}/ready`)).toMatchObject({ status: 503, body: { reason: 'waiting for Kafka' } });
    expect(await json(`${url}/health`)).toMatchObject({ status: 503, body: { status: 'starting' } });
    await expect(WireClient.open(`ws://127.0.0.1:${port}/v1/ws`)).rejects.toThrow('HTTP 503');
    release(stream.cluster.open('gateway'));
    await starting;
    expect(await json(`${url}/ready`)).toMatchObject({ status: 200 });
  });

  test('is not starting again when it has lost Kafka, but not ready', async () => {
    const { running, stream } = await start();
    const health = () => json(`${running.url}/health`);
    expect(await health()).toMatchObject({ status: 200, body: { status: 'ok' } });
    stream.cluster.unreachable = true;
    await vi.waitFor(async () => expect(await health()).toMatchObject({ status: 503, body: { status: 'not ready' } }));
    stream.cluster.unreachable = false;
    await vi.waitFor(async () => expect(await health()).toMatchObject({ status: 200, body: { status: 'ok' } }));
  });

  test('opens a port that it shares with other workers once it serves, its admin port at once', async () => {
    const stream = new MemoryStream();
    const opened = Promise.withResolvers<EventLog>();
    const admin = Promise.withResolvers<string>();
    const port = await freePort();
    const dependencies = { openLog: () => opened.promise, onAdmin: admin.resolve };
    const starting = start({ stream, gateway: { port, workers: 2 }, dependencies });
    const ready = `${await admin.promise}/ready`;
    await vi.waitFor(async () => expect((await json(ready)).body).toMatchObject({ reason: 'waiting for Kafka' }));
    await expect(fetch(`http://127.0.0.1:${port}/live`)).rejects.toThrow();
    opened.resolve(stream.cluster.open('gateway'));
    await starting;
    expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
  });

  test('names the setting of a port that is taken', async () => {
    const first = await start();
    const port = Number(new URL(first.running.url).port);
    await expect(start({ stream: first.stream, gateway: { port } })).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining('gateway.port'),
    });
    await expect(start({ stream: first.stream, gateway: { adminPort: port } })).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringContaining('gateway.adminPort'),
    });
  });

  test('refuses topics with another number of partitions', async () => {
    const stream = new MemoryStream({ partitions: 2 });
    stream.cluster.createTopic(stream.topics.outbound, 3);
    await expect(start({ stream })).rejects.toMatchObject({ code: 'partition_mismatch' });
  });

  test('refuses to run without a secret', async () => {
    await expect(start({ auth: { secret: undefined } })).rejects.toMatchObject({ code: 'config_invalid' });
    const secretFile = '/nonexistent/secret';
    await expect(start({ auth: { secret: undefined, secretFile } })).rejects.toMatchObject({ code: 'config_invalid' });
  });
});

async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
