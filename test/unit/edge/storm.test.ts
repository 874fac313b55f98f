/** Many clients at once: they wait in line for their turn, or are told when to come again. Each test has a gateway of its own. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import { MemoryGateway, type MemoryGatewayOptions } from '../../support/memory-gateway.ts';

let gateway: MemoryGateway;
afterEach(() => gateway.stop());

async function start(limits: MemoryGatewayOptions['gateway']): Promise<void> {
  gateway = await MemoryGateway.start({ partitions: 1, ...(limits && { gateway: limits }) });
}

/** 'open' with the moment, or the status and Retry-After of the refusal. */
function connect(): Promise<{ openAt: number } | { status: number; retryAfter: number }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(gateway.ws);
    socket.once('open', () => {
      resolve({ openAt: performance.now() });
      socket.terminate();
    });
    socket.once('unexpected-response', (request, response) => {
      resolve({ status: response.statusCode ?? 0, retryAfter: Number(response.headers['retry-after']) });
      request.destroy();
    });
    socket.once('error', reject);
  });
}

describe('handshakes', () => {
  test('wait in line and are served at their rate', async () => {
    await start({ handshakesPerSecond: 50, acceptWaitMs: 10_000 });
    const begun = performance.now();
    const outcomes = await Promise.all(Array.from({ length: 30 }, connect));
    const opened = outcomes.map((one) => ('openAt' in one ? one.openAt - begun : Number.NaN));
    // One at once, then one every 20 ms.
    expect(Math.max(...opened)).toBeGreaterThan(450);
  });

  test('beyond the line get 503, and when to come again', async () => {
    await start({ handshakesPerSecond: 10, acceptWaitMs: 1_000 });
    const outcomes = await Promise.all(Array.from({ length: 40 }, connect));
    const refused = outcomes.filter((one) => 'status' in one);
    // One at once, ten in line, and what of the line was served while the others came.
    expect(refused.length).toBeGreaterThan(20);
    for (const { status, retryAfter } of refused) {
      expect(status).toBe(503);
      expect(retryAfter).toBeGreaterThanOrEqual(1);
    }
    expect(Math.max(...refused.map(({ retryAfter }) => retryAfter))).toBeGreaterThanOrEqual(3);
    expect(await gateway.metrics.render()).toMatch(/roomlog_accept_refused\{what="handshake"\} [1-9]/);
  });
});

describe('a gateway that stops', () => {
  test('sends those away who wait in line, and waits for none of them', async () => {
    await start({ handshakesPerSecond: 1, acceptWaitMs: 600_000, drainWindowMs: 1 });
    const waiting = Array.from({ length: 5 }, connect);
    await vi.waitFor(async () =>
      expect(await gateway.metrics.render()).toMatch(/roomlog_accept_waiting\{what="handshake"\} 4/),
    );
    const begun = performance.now();
    await gateway.running.stop();
    expect(performance.now() - begun).toBeLessThan(2_500);
    const outcomes = await Promise.all(waiting);
    expect(outcomes.filter((one) => 'status' in one && one.status === 503).length).toBeGreaterThanOrEqual(3);
  });
});

describe('joins', () => {
  test('wait in line, and beyond it get unavailable with retryAfter, and succeed then', async () => {
    await start({ joinsPerSecond: 10, acceptWaitMs: 500 });
    const client = await gateway.client();
    for (let id = 1; id <= 20; id += 1) client.send({ type: 'join', id, room: `r${id}` });
    const errors = await client.count('error', 14);
    for (const error of errors) expect(error).toMatchObject({ code: 'unavailable', retryAfter: expect.any(Number) });
    expect(new Set(errors.map(({ retryAfter }) => retryAfter)).size).toBe(errors.length);
    await client.count('joined', 6);
    const last = errors.at(-1) as Record<string, unknown>;
    await new Promise((resolve) => setTimeout(resolve, last.retryAfter as number));
    expect(await client.ask({ type: 'join', room: last.room })).toMatchObject({ type: 'joined' });
  });
});
