/** Limits on publishing, and what happens when the log does not answer. Each test has a gateway of its own. */
import { afterEach, describe, expect, test } from 'vitest';
import { MemoryGateway, type MemoryGatewayOptions } from '../../support/memory-gateway.ts';

const publish = { type: 'publish', room: 'r', event: 'e', data: 1 };
const started: MemoryGateway[] = [];
afterEach(async () => {
  for (const gateway of started.splice(0)) await gateway.stop();
});

async function start(options: MemoryGatewayOptions): Promise<MemoryGateway> {
  const gateway = await MemoryGateway.start({ partitions: 1, ...options });
  started.push(gateway);
  return gateway;
}

describe('the rate limit', () => {
  test('answers rate_limited with retryAfter, then serves again', async () => {
    const gateway = await start({ gateway: { publishesPerSecond: 2, publishBurst: 5 } });
    const client = await gateway.client();
    for (let id = 1; id <= 8; id += 1) client.send({ ...publish, id });
    await client.count('ack', 5);
    const error = await client.next('error');
    expect(error).toMatchObject({ code: 'rate_limited', retryAfter: expect.any(Number) });
    await new Promise((resolve) => setTimeout(resolve, error.retryAfter as number));
    expect(await client.ask(publish)).toMatchObject({ type: 'ack' });
  });

  test('broken again and again closes with 4429', async () => {
    const gateway = await start({ gateway: { publishesPerSecond: 1, publishBurst: 1 } });
    const client = await gateway.client();
    for (let id = 1; id <= 600; id += 1) client.send({ type: 'ping', id });
    expect(await client.close()).toMatchObject({ code: 4429 });
    expect(client.all('error').at(-1)).toMatchObject({ code: 'rate_limited', retryAfter: expect.any(Number) });
  });

  test('counts ping frames too: a flood of them gets no answers beyond it', async () => {
    const gateway = await start({ gateway: { publishesPerSecond: 1, publishBurst: 10 } });
    const client = await gateway.client();
    let pongs = 0;
    client.socket.on('pong', () => {
      pongs += 1;
    });
    for (let number = 0; number < 100; number += 1) client.socket.ping();
    client.socket.send('{}');
    await client.next('error');
    expect(pongs).toBeLessThanOrEqual(10);
    expect(client.all('error')[0]).toMatchObject({ code: 'rate_limited', retryAfter: expect.any(Number) });
    for (let number = 0; number < 600; number += 1) client.socket.ping();
    expect(await client.close()).toMatchObject({ code: 4429 });
  });
});

describe('the limit on bytes', () => {
  const limits = { publishBytesPerSecond: 20_000, publishBurstBytes: 65_536 };
  const large = { ...publish, data: 'x'.repeat(50_000) };

  test('answers rate_limited under the id of the frame, wherever that stands in it, then serves again', async () => {
    const gateway = await start({ gateway: limits });
    const client = await gateway.client();
    expect(await client.ask({ ...large, id: 1 })).toMatchObject({ type: 'ack' });
    client.send({ ...large, id: 2 });
    client.send(`${JSON.stringify(large).slice(0, -1)},"id":3}`);
    const error = await client.answer(2);
    expect(error).toMatchObject({ type: 'error', code: 'rate_limited', retryAfter: expect.any(Number) });
    expect(await client.answer(3)).toMatchObject({ code: 'rate_limited' });
    // Small ones still pass: what is counted is bytes.
    expect(await client.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    await new Promise((resolve) => setTimeout(resolve, (error.retryAfter as number) + 20));
    expect(await client.ask({ ...large, id: 4 })).toMatchObject({ type: 'ack' });
  });

  test('parses nothing above it, and says so without an id where there is none to be seen', async () => {
    const gateway = await start({ gateway: limits });
    const client = await gateway.client();
    await client.ask({ ...large, id: 1 });
    client.send(`${'{"'.repeat(25_000)}`);
    const error = await client.next('error');
    expect(error).toMatchObject({ code: 'rate_limited' });
    expect(error).not.toHaveProperty('id');
  });

  test('does not answer for a command that has the id already', async () => {
    const gateway = await start({ gateway: limits });
    gateway.stream.cluster.onAppend = ({ topic }) => (topic.endsWith('inbound') ? 'not_appended' : undefined);
    const client = await gateway.client();
    client.send({ ...large, id: 1 });
    client.send({ ...large, id: 1 });
    const error = await client.next('error');
    expect(error).toMatchObject({ code: 'rate_limited' });
    expect(error).not.toHaveProperty('id');
    gateway.stream.cluster.onAppend = undefined;
    expect(await client.answer(1)).toMatchObject({ type: 'ack' });
  });

  test('broken again and again closes with 4429', async () => {
    const gateway = await start({ gateway: limits });
    const client = await gateway.client();
    for (let id = 1; id <= 600; id += 1) client.send({ ...large, id });
    expect(await client.close()).toMatchObject({ code: 4429 });
  });
});

describe('a log that does not answer', () => {
  test('makes waiting publishes close with 1013 after the time-out, without a word', async () => {
    const gateway = await start({ gateway: { publishTimeoutMs: 100 } });
    gateway.stream.cluster.onAppend = ({ topic }) => (topic.endsWith('inbound') ? 'request_lost' : undefined);
    const client = await gateway.client();
    const bystander = await gateway.client('bob');
    client.send({ ...publish, id: 1, pub: 1 });
    expect(await client.close()).toMatchObject({ code: 1013 });
    expect(client.frames.map(({ type }) => type)).toEqual(['welcome']);
    expect(await bystander.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  test('makes an appended publish that is never sequenced close with 1013 too', async () => {
    const gateway = await start({ gateway: { publishTimeoutMs: 100 } });
    await gateway.sequencer?.stop();
    const client = await gateway.client();
    client.send({ ...publish, id: 1, pub: 1 });
    expect(await client.close()).toMatchObject({ code: 1013 });
  });

  test('makes later publishes unavailable, and heals', async () => {
    const gateway = await start({ gateway: { unavailableAfterMs: 40, publishTimeoutMs: 5_000 } });
    gateway.stream.cluster.onAppend = ({ topic }) => (topic.endsWith('inbound') ? 'not_appended' : undefined);
    const client = await gateway.client();
    client.send({ ...publish, id: 1, pub: 1 });
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await client.ask({ ...publish, pub: 2 })).toMatchObject({ code: 'unavailable', retryAfter: 1_000 });
    const metrics = await gateway.metrics.render();
    expect(metrics).toContain('roomlog_circuit_opened_total{circuit="append"} 1\n');
    expect(metrics).toContain('roomlog_append_circuits{state="open"} 1\n');
    gateway.stream.cluster.onAppend = undefined;
    expect(await client.answer(1)).toMatchObject({ type: 'ack', seq: 1 });
    expect(await client.ask({ ...publish, pub: 2 })).toMatchObject({ type: 'ack', seq: 2 });
  });

  test('bounds the publishes that wait', async () => {
    const gateway = await start({ gateway: { maxPendingPublishes: 3 } });
    await gateway.sequencer?.stop();
    const clients = await Promise.all(Array.from({ length: 5 }, (_, index) => gateway.client(`user-${index}`)));
    for (const client of clients) client.send({ ...publish, id: 1 });
    const errors = () => clients.flatMap((client) => client.all('error'));
    await expect.poll(() => errors().length).toBeGreaterThanOrEqual(2);
    for (const error of errors()) expect(error).toMatchObject({ code: 'unavailable', retryAfter: expect.any(Number) });
  });

  test('leaves a publisher’s socket unread while Kafka takes nothing, refuses nothing, and takes all when it does', async () => {
    const maxQueuedBytes = 400_000;
    const gateway = await start({
      gateway: { maxQueuedBytes, unavailableAfterMs: 60_000, pingIntervalMs: 200, pongTimeoutMs: 50 },
    });
    let release = (): void => {};
    const hold = new Promise<void>((resolve) => {
      release = resolve;
    });
    gateway.stream.cluster.onAppend = ({ topic }) => (topic.endsWith('inbound') ? { hold } : undefined);
    const client = await gateway.client();
    const bystander = await gateway.client('bob');
    const blob = 'x'.repeat(10_000);
    for (let id = 1; id <= 300; id += 1) client.send({ ...publish, id, data: blob });
    const metric = async (name: string): Promise<number> =>
      Number(new RegExp(`^${name} (\\d+)`, 'm').exec(await gateway.metrics.render())?.[1] ?? Number.NaN);
    await expect.poll(() => metric('roomlog_held_sockets')).toBe(1);
    // Long enough for pings whose pongs are not read.
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(await metric('roomlog_publish_queued_bytes')).toBeLessThan(maxQueuedBytes);
    expect(await metric('roomlog_publish_pending')).toBeLessThan(40);
    expect(await bystander.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
    release();
    gateway.stream.cluster.onAppend = undefined;
    await client.count('ack', 300);
    expect(client.all('error')).toEqual([]);
    expect(await metric('roomlog_held_sockets')).toBe(0);
  });
});

test('an event over Kafka’s record limit is too_large, and the number is free', async () => {
  const gateway = await start({ gateway: { maxFrameBytes: 4 * 1_048_576, publishBurstBytes: 4 * 1_048_576 } });
  const client = await gateway.client();
  const large = 'x'.repeat(3 * 1_048_576);
  client.send({ ...publish, id: 1, data: 'before' });
  client.send({ ...publish, id: 2, pub: 1, data: large });
  client.send({ ...publish, id: 3, data: 'after' });
  expect(await client.answer(2)).toMatchObject({ type: 'error', code: 'too_large', room: 'r' });
  expect(await client.answer(1)).toMatchObject({ type: 'ack' });
  expect(await client.answer(3)).toMatchObject({ type: 'ack' });
  expect(await client.ask({ ...publish, pub: 1, data: 'small' })).toMatchObject({ type: 'ack' });
});
