import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createMetrics } from '../../adapters/telemetry/metrics.ts';
import { serveWorkersAdmin } from './admin.ts';
import type { WorkerState } from './worker-process.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

interface Said {
  readonly ready: boolean;
  readonly connections: number;
  readonly alarms?: readonly object[];
}

/** A worker whose own admin port says this; null: it has none. */
async function worker(number: number, said: Said | null, state: WorkerState = 'serving') {
  const about = { name: `g-${number}`, state, pid: 100 + number, restarts: number };
  if (said === null) return { ...about, adminUrl: null };
  const answers: Record<string, string> = {
    '/ready': JSON.stringify(said.ready ? { status: 'ready' } : { status: 'not ready', reason: 'folding' }),
    '/health': JSON.stringify({ status: said.ready ? 'ok' : 'starting', ...said }),
    '/metrics': `# TYPE websocket_connections gauge\nwebsocket_connections ${said.connections}\n`,
  };
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/ready' && !said.ready ? 503 : 200;
    response.end(answers[request.url ?? '']);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { ...about, adminUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function admin(workers: readonly Awaited<ReturnType<typeof worker>>[]) {
  const metrics = createMetrics();
  ends.push(() => metrics.shutdown());
  metrics.counter('roomlog_worker_restarts_total', 'Restarts.').add(3);
  const is = { started: true, draining: false };
  const { app, url } = await serveWorkersAdmin({
    name: 'g',
    host: '127.0.0.1',
    port: 0,
    workers,
    metrics,
    started: () => is.started,
    draining: () => is.draining,
  });
  ends.push(() => app.close());
  const get = async (path: string) => {
    const response = await fetch(`${url}${path}`);
    return { status: response.status, text: await response.text() };
  };
  return { is, get };
}

const UP = { ready: true, connections: 2 };
const FOLDING = { ready: false, connections: 0 };

test('is ready with half of its workers, once all have served', async () => {
  const { is, get } = await admin([await worker(1, UP), await worker(2, FOLDING), await worker(3, UP)]);
  expect((await get('/ready')).status).toBe(200);
  is.started = false;
  expect(await get('/ready')).toEqual({
    status: 503,
    text: '{"status":"not ready","reason":"2 of 3 workers are ready, 3 are needed (g-2: folding)"}',
  });
});

test('is not ready with less than half of its workers, nor while it drains', async () => {
  const { is, get } = await admin([await worker(1, UP), await worker(2, null, 'waiting'), await worker(3, FOLDING)]);
  const status = async () => JSON.parse((await get('/health')).text).status as string;
  expect(await status()).toBe('not ready');
  is.started = false;
  expect(await status()).toBe('starting');
  is.started = true;
  expect(await get('/ready')).toEqual({
    status: 503,
    text: '{"status":"not ready","reason":"1 of 3 workers are ready, 2 are needed (g-2: waiting, no answer; g-3: folding)"}',
  });
  const draining = await admin([await worker(1, UP)]);
  draining.is.draining = true;
  expect(JSON.parse((await draining.get('/health')).text)).toMatchObject({ status: 'draining' });
  expect(await draining.get('/ready')).toMatchObject({ status: 503, text: expect.stringContaining('draining') });
  expect((await draining.get('/live')).status).toBe(200);
});

test('tells the health of all, the sum of connections, and whose an alarm is', async () => {
  const alarm = { name: 'clock_ahead' };
  const workers = [await worker(1, { ...UP, alarms: [alarm] }), await worker(2, null, 'starting'), await worker(3, UP)];
  const { get } = await admin(workers);
  const health = JSON.parse((await get('/health')).text) as object;
  expect(health).toMatchObject({
    status: 'ok',
    gateway: 'g',
    connections: 4,
    alarms: [{ ...alarm, gateway: 'g-1' }],
    workers: [
      { gateway: 'g-1', state: 'serving', pid: 101, restarts: 1, connections: 2 },
      { gateway: 'g-2', state: 'starting', pid: 102, restarts: 2, status: 'silent' },
      { gateway: 'g-3', state: 'serving', pid: 103, restarts: 3, connections: 2 },
    ],
  });
});

test('shows the metrics of those that answer, and its own', async () => {
  const { get } = await admin([await worker(1, UP), await worker(2, null)]);
  const { text } = await get('/metrics');
  expect(text).toContain('websocket_connections{worker="g-1"} 2\n');
  expect(text).toContain('roomlog_worker_restarts_total{worker="supervisor"} 3\n');
  expect(text).not.toContain('g-2');
});
