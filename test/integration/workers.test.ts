/** `roomlog gateway --workers`: several processes on one port, beside the stack's own gateways. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { freePortBase } from '../../scripts/stack/port-holder.ts';
import { ROOMLOG, RunningCommand } from '../support/command.ts';
import { stateDir, token } from '../support/stack.ts';
import { waitFor } from '../support/wait-for.ts';
import { WireClient } from '../support/wire-client.ts';

const WORKERS = 2;
const CLIENTS = 40;
/** A drain window, and leaving Kafka and Redis. */
const STOPPED_WITHIN_MS = 10_000;

interface Health {
  readonly status: string;
  readonly connections: number;
  readonly workers: readonly { readonly gateway: string; readonly pid: number; readonly restarts: number }[];
}

interface Running {
  readonly command: RunningCommand;
  readonly ws: string;
  readonly admin: string;
  readonly port: number;
}

const started: RunningCommand[] = [];
const clients: WireClient[] = [];
let shared: Running;

beforeAll(async () => {
  shared = await start();
});

afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.terminate();
});

afterAll(async () => {
  for (const command of started) {
    command.kill('SIGTERM');
    await command.ended();
  }
});

function command(workers: number, more: readonly string[]): RunningCommand {
  const config = join(stateDir(), 'config', 'gateway-1.yaml');
  const args = ['gateway', '--workers', `${workers}`, '--config', config, ...more];
  return new RunningCommand(ROOMLOG, args, { withinMs: 150_000 });
}

async function start(): Promise<Running> {
  const port = await freePortBase();
  const adminPort = port + 1;
  const ports = ['--gateway-port', `${port}`, '--gateway-admin-port', `${adminPort}`];
  const running = command(WORKERS, ['--gateway-name', `many-${port}`, ...ports]);
  started.push(running);
  const admin = `http://127.0.0.1:${adminPort}`;
  await waitFor(async () => (await fetch(`${admin}/ready`)).ok, { withinMs: 60_000, what: 'workers that are ready' });
  return { command: running, ws: `ws://127.0.0.1:${port}/v1/ws`, admin, port };
}

const healthOf = async (admin: string): Promise<Health> => (await (await fetch(`${admin}/health`)).json()) as Health;

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function connect(ws: string, room: string, join: object = {}): Promise<{ client: WireClient; worker: string }> {
  const client = await WireClient.hello(ws, await token('alice'));
  clients.push(client);
  expect(await client.ask({ type: 'join', room, ...join })).toMatchObject({ type: 'joined' });
  return { client, worker: String((await client.next('welcome')).gateway) };
}

/** Sum over all workers of a family's samples. */
const sumOf = (metrics: string, name: string): number =>
  metrics
    .split('\n')
    .filter((line) => line.startsWith(`${name}{worker=`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);

test('spreads clients over workers, shows them as one, and loses only the clients of a worker that is killed', async () => {
  const { ws, admin, port } = shared;
  const room = `workers/${randomUUID()}`;
  const all = await Promise.all(Array.from({ length: CLIENTS }, () => connect(ws, room)));
  const names = [...new Set(all.map(({ worker }) => worker))].toSorted();
  expect(names).toEqual(Array.from({ length: WORKERS }, (_, index) => `many-${port}-${index + 1}`));

  const publish = (client: WireClient, pub: number) =>
    client.ask({ type: 'publish', room, pub, event: 'e', data: pub });
  const [{ client: publisher, worker: stays }] = all as [(typeof all)[number]];
  expect(await publish(publisher, 1)).toMatchObject({ type: 'ack', seq: 1 });
  for (const { client } of all) await client.next('event');

  const metrics = await (await fetch(`${admin}/metrics`)).text();
  expect(sumOf(metrics, 'websocket_connections')).toBe(CLIENTS);
  expect(metrics.match(/^# TYPE websocket_connections /gm)).toHaveLength(1);
  const before = await healthOf(admin);
  expect(before.connections).toBe(CLIENTS);

  const victim = before.workers.find(({ gateway }) => gateway !== stays) as Health['workers'][number];
  process.kill(victim.pid, 'SIGKILL');
  const lost = all.filter(({ worker }) => worker === victim.gateway);
  for (const { client } of lost) expect((await client.close()).code).toBe(1006);
  expect(await publish(publisher, 2)).toMatchObject({ type: 'ack', seq: 2 });
  expect((await fetch(`${admin}/ready`)).status).toBe(200);
  for (const { client, worker } of all) {
    if (worker === victim.gateway) continue;
    await client.count('event', 2);
    expect(client.closed).toBeNull();
  }
  // They come back while it is away still, on whoever listens, and get what they missed.
  for (const { client } of lost) {
    const { cursor } = await client.next('event');
    const again = await connect(ws, room, { after: cursor });
    expect((await again.client.next('event')).seq).toBe(2);
    expect(again.client.all('event')).toHaveLength(1);
  }
  const revived = await waitFor(async () => {
    const { workers, status } = await healthOf(admin);
    const found = workers.find(({ gateway }) => gateway === victim.gateway);
    return status === 'ok' && found?.restarts === 1 && found.pid !== victim.pid && found;
  });
  expect(isAlive(revived.pid)).toBe(true);
  const after = await (await fetch(`${admin}/metrics`)).text();
  expect(after).toContain('roomlog_worker_restarts_total{worker="supervisor"} 1');
}, 120_000);

test('drains a worker that is told to end by itself, lets the others’ clients be, and starts it again', async () => {
  const { ws, admin } = shared;
  const all = await Promise.all(Array.from({ length: CLIENTS }, () => connect(ws, `workers/${randomUUID()}`)));
  const [victim] = (await healthOf(admin)).workers as [Health['workers'][number]];
  process.kill(victim.pid, 'SIGTERM');
  for (const { client, worker } of all) {
    if (worker !== victim.gateway) continue;
    expect((await client.close()).code).toBe(1012);
    expect(client.all('reconnect')).toHaveLength(1);
  }
  const before = victim.restarts;
  await waitFor(async () => (await healthOf(admin)).workers[0]?.restarts === before + 1);
  for (const { client, worker } of all) if (worker !== victim.gateway) expect(client.closed).toBeNull();
  await waitFor(async () => (await healthOf(admin)).status === 'ok', { what: 'all workers back' });
}, 60_000);

test('refuses a port that somebody has, and a port by chance', async () => {
  const tried = async (port: number) => await command(2, ['--gateway-port', `${port}`]).ended();
  const [taken, chance] = await Promise.all([tried(shared.port), tried(0)]);
  expect(taken).toMatchObject({ code: 2, stderr: expect.stringContaining('gateway.port') });
  expect(chance).toMatchObject({ code: 2, stderr: expect.stringContaining('gateway.workers') });
}, 60_000);

test('drains all workers at once on SIGTERM, each client told to reconnect', async () => {
  const { ws, admin, command } = shared;
  const all = await Promise.all(Array.from({ length: CLIENTS }, () => connect(ws, `workers/${randomUUID()}`)));
  const { workers } = await healthOf(admin);
  command.kill('SIGTERM');
  for (const { client } of all) {
    expect((await client.close()).code).toBe(1012);
    expect(client.all('reconnect')).toHaveLength(1);
  }
  expect((await command.ended()).code).toBe(0);
  expect(workers.map(({ pid }) => isAlive(pid))).toEqual(workers.map(() => false));
}, 120_000);

test('workers end by themselves when their supervisor is killed, and free the port', async () => {
  const { ws, admin, port, command } = await start();
  const { client } = await connect(ws, `workers/${randomUUID()}`);
  const { workers } = await healthOf(admin);
  command.kill('SIGKILL');
  expect((await client.close()).code).toBe(1012);
  await waitFor(() => workers.every(({ pid }) => !isAlive(pid)), {
    withinMs: STOPPED_WITHIN_MS,
    what: 'no worker left',
  });
  await expect(fetch(`http://127.0.0.1:${port}/live`)).rejects.toThrow();
}, 120_000);
