/** The two ports' HTTP. */
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { MemoryGateway } from '../../support/memory-gateway.ts';

let gateway: MemoryGateway;
beforeAll(async () => {
  gateway = await MemoryGateway.start();
});
afterAll(() => gateway.stop());

const get = (path: string, init: RequestInit = {}): Promise<Response> => fetch(`${gateway.running.url}${path}`, init);
const admin = (path: string): Promise<Response> => fetch(`${gateway.running.adminUrl}${path}`);

describe('the public port', () => {
  test.each(['/live', '/ready', '/health'])('%s answers 200 on both ports', async (path) => {
    expect((await get(path)).status).toBe(200);
    expect((await admin(path)).status).toBe(200);
  });

  test('shows a bare health only', async () => {
    expect(await (await get('/health')).json()).toEqual({ status: 'ok' });
  });

  test.each(['/metrics', '/admin', '/admin/connections', '/', '/v1', '/demo', '/../etc/passwd'])(
    '%s is not there: JSON 404',
    async (path) => {
      const response = await get(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ code: 'not_found' });
    },
  );

  test('event streams and publishing over HTTP are not served yet: 501', async () => {
    const path = `/v1/rooms/${encodeURIComponent('a/b é'.repeat(20))}/events`;
    for (const method of ['GET', 'POST']) {
      const body = method === 'POST' ? '{}' : null;
      const response = await get(path, { method, body, headers: { 'Content-Type': 'application/json' } });
      expect(response.status).toBe(501);
      expect(await response.json()).toMatchObject({ code: 'not_implemented', message: expect.any(String) });
    }
  });

  test('a broken path or body is answered by JSON too', async () => {
    expect((await get('/v1/rooms/%E0%A4%A/events')).status).toBe(400);
    const headers = { 'Content-Type': 'application/json' };
    const response = await get('/v1/rooms/r/events', { method: 'POST', body: '{', headers });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: 'bad_frame' });
  });

  test('an upgrade to something else is an ordinary request', async () => {
    const { port } = new URL(gateway.running.url);
    const text = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), '127.0.0.1', () => {
        socket.write('GET /live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n');
      });
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
        if (answer.includes('live')) socket.destroy();
      });
      socket.on('close', () => resolve(answer));
    });
    expect(text).toMatch(/^HTTP\/1.1 200/);
  });
});

describe('the admin port', () => {
  test('shows the whole health', async () => {
    const client = await gateway.client();
    const health = await (await admin('/health')).json();
    expect(health).toMatchObject({
      status: 'ok',
      gateway: 'gateway-1',
      connections: expect.any(Number),
      kafka: { reachable: true },
      redis: { reachable: expect.any(Boolean) },
      registry: { reachable: expect.any(Boolean) },
      memory: { rssBytes: expect.any(Number), heapUsedBytes: expect.any(Number) },
      cpu: { userMs: expect.any(Number), systemMs: expect.any(Number) },
    });
    client.socket.close();
  });

  test('names no close code of a client’s choice in a metric', async () => {
    const client = await gateway.client();
    client.socket.close(4999);
    await vi.waitFor(async () =>
      expect(await (await admin('/metrics')).text()).toMatch(/roomlog_closes_total\{code="other"\} 1/),
    );
    expect(await (await admin('/metrics')).text()).not.toContain('4999');
  });

  test('shows the metrics', async () => {
    const client = await gateway.client();
    await client.ask({ type: 'join', room: 'r' });
    await client.ask({ type: 'publish', room: 'r', event: 'e', data: 1 });
    client.send('x');
    await client.next('error');
    const response = await admin('/metrics');
    expect(response.headers.get('content-type')).toContain('text/plain');
    const text = await response.text();
    for (const line of [
      /^websocket_connections [1-9]/m,
      /^websocket_messages_total\{(?=.*type="publish")(?=.*direction="in").*\} [1-9]/m,
      /^websocket_messages_total\{(?=.*type="ack")(?=.*direction="out").*\} [1-9]/m,
      /^websocket_messages_total\{(?=.*type="event")(?=.*direction="out").*\} [1-9]/m,
      /^websocket_messages_total\{(?=.*type="bad")(?=.*direction="in").*\} [1-9]/m,
      /^websocket_message_latency_ms_bucket\{/m,
      /^roomlog_publish_total\{outcome="acked"\} [1-9]/m,
      /^roomlog_publish_pending 0/m,
      /^roomlog_errors_total\{code="bad_frame"\} [1-9]/m,
    ]) {
      expect(text).toMatch(line);
    }
    client.socket.close();
  });
});
