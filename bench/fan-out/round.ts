/** One contender at one rate: a fresh server process, fresh clients, events through the real sequencer, and what it all cost. */
import { type ChildProcess, fork, type Serializable, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { StackFile } from '../../scripts/stack/stack-file.ts';
import { cpuSeconds, startCpuMeter, startStealMeter } from '../support/cpu.ts';
import { round, summarise } from '../support/latency.ts';
import { type Cores, pin } from '../support/pin.ts';
import type { ClientsJob, ClientsSaid, Dialect, EventsJob, EventsSaid, Round, ServerJob } from './messages.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const READY_WITHIN_MS = 60_000;
/** How long the last events may take to arrive, once all are sent. */
const SETTLE_MS = 10_000;
const SETTLED_POLL_MS = 50;
const BUSY = 0.9;
const STOLEN = 0.08;
/** Members that read all they get: enough of them over the whole room, few enough to cost nothing. */
const SAMPLED_MEMBERS = 50;

export const CONTENDERS = ['roomlog', 'roomlog-unbatched', 'socket.io', 'ws-send', 'ws-shared'] as const;
export type Contender = (typeof CONTENDERS)[number];

export interface Setting {
  readonly stack: StackFile;
  readonly gatewayConfig: string;
  readonly token: string;
  readonly cores: Cores | null;
  readonly port: number;
  readonly rooms: number;
  readonly membersPerRoom: number;
  readonly payloadBytes: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly windowMs: number;
  readonly compression: boolean;
  /** Where profiles of the servers go; null for none. */
  readonly profileDir: string | null;
}

/** Resolves with the next message for which `pick` gives something. */
function heard<Message, Picked>(child: ChildProcess, pick: (message: Message) => Picked | undefined): Promise<Picked> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void =>
      reject(new Error(`${child.spawnargs.slice(0, 3).join(' ')} ended with ${code}`));
    const onMessage = (message: Serializable): void => {
      const picked = pick(message as Message);
      if (picked === undefined) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(picked);
    };
    child.on('message', onMessage);
    child.once('exit', onExit);
  });
}

async function startServer(
  contender: Contender,
  setting: Setting,
): Promise<{ child: ChildProcess; dialect: Dialect; url: string }> {
  const { stack, port, cores } = setting;
  const profiling = setting.profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${setting.profileDir}`];
  if (contender === 'roomlog' || contender === 'roomlog-unbatched') {
    const windowMs = contender === 'roomlog' ? setting.windowMs : 0;
    const args = ['--config', setting.gatewayConfig, '--gateway-name', contender, '--gateway-port', `${port}`];
    const more = ['--gateway-admin-port', `${port + 1}`, '--gateway-flush-window-max-ms', `${windowMs}`];
    const compression = ['--gateway-compression', `${setting.compression}`, '--log-level', 'warn'];
    const argv = [...profiling, join(root, 'cli/main.ts'), 'gateway', ...args, ...more, ...compression];
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'inherit', 'inherit'] });
    const deadline = performance.now() + READY_WITHIN_MS;
    for (;;) {
      const isReady = await fetch(`http://127.0.0.1:${port}/ready`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isReady) break;
      if (performance.now() > deadline || child.exitCode !== null) throw new Error(`${contender} did not get ready`);
      await sleep(SETTLED_POLL_MS);
    }
    return { child, dialect: 'roomlog', url: `ws://127.0.0.1:${port}/v1/ws` };
  }
  const job: ServerJob = {
    kind: contender,
    port,
    brokers: stack.kafka.brokers,
    registry: stack.registry.url,
    topic: stack.topics.outbound,
    windowMs: setting.windowMs,
  };
  const child = fork(join(root, 'bench/fan-out/peer.ts'), [JSON.stringify(job)], {
    execArgv: profiling,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  pin(child.pid as number, cores?.server);
  await heard(child, (message) => (message === 'ready' ? true : undefined));
  const path = contender === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : '/';
  return { child, dialect: contender === 'socket.io' ? 'socket.io' : 'ws', url: `ws://127.0.0.1:${port}${path}` };
}

async function startClients(setting: Setting, dialect: Dialect, url: string): Promise<ChildProcess[]> {
  const { cores, rooms, membersPerRoom, token, compression } = setting;
  const processes = Math.min(cores?.clients.length ?? 1, membersPerRoom);
  const members = rooms * membersPerRoom;
  return await Promise.all(
    Array.from({ length: processes }, async (_, index) => {
      const job: ClientsJob = {
        dialect,
        url,
        token,
        rooms,
        membersPerRoom:
          Math.floor((membersPerRoom * (index + 1)) / processes) - Math.floor((membersPerRoom * index) / processes),
        sampleEvery: Math.max(1, Math.floor(members / SAMPLED_MEMBERS)),
        compression,
      };
      const child = fork(join(root, 'bench/fan-out/clients.ts'), [JSON.stringify(job)]);
      pin(child.pid as number, cores?.clients[index]);
      await heard(child, ({ said }: ClientsSaid) => (said === 'ready' ? true : undefined));
      return child;
    }),
  );
}

const countOf = (child: ChildProcess) => {
  const answer = heard(child, (message: ClientsSaid) => (message.said === 'count' ? message : undefined));
  child.send({ ask: 'count' });
  return answer;
};

async function totalOf(clients: readonly ChildProcess[]): Promise<{ deliveries: number; cpuMs: readonly number[] }> {
  const counts = await Promise.all(clients.map(countOf));
  return {
    deliveries: counts.reduce((sum, { deliveries }) => sum + deliveries, 0),
    cpuMs: counts.map(({ cpuMs }) => cpuMs),
  };
}

/** Runs it, and ends all that it started. */
export async function playRound(contender: Contender, perSecond: number, setting: Setting): Promise<Round> {
  const { stack, cores, rooms, membersPerRoom } = setting;
  const { child: server, dialect, url } = await startServer(contender, setting);
  const serverPid = server.pid as number;
  const started: ChildProcess[] = [server];
  try {
    pin(serverPid, cores?.server);
    const clients = await startClients(setting, dialect, url);
    started.push(...clients);
    const job: EventsJob = {
      brokers: stack.kafka.brokers,
      registry: stack.registry.url,
      topic: stack.topics.inbound,
      partitions: stack.partitions,
      rooms,
      perSecond,
      warmUpEvents: Math.ceil(perSecond * setting.warmUpSeconds),
      events: Math.ceil(perSecond * setting.seconds),
      payloadBytes: setting.payloadBytes,
    };
    const events = fork(join(root, 'bench/fan-out/events.ts'), [JSON.stringify(job)]);
    started.push(events);
    pin(events.pid as number, cores?.infrastructure);
    await heard(events, ({ said }: EventsSaid) => (said === 'ready' ? true : undefined));

    const measuring = heard(events, (message: EventsSaid) => (message.said === 'measuring' ? message : undefined));
    const sent = heard(events, ({ said }: EventsSaid) => (said === 'sent' ? true : undefined));
    events.send('go');
    const { atMs } = await measuring;
    for (const one of clients) one.send({ ask: 'measure', fromMs: atMs });
    const infrastructure = [...stack.kafka.pids, ...stack.sequencers.map(({ pid }) => pid), events.pid as number];
    const readInfrastructure = startCpuMeter(Object.fromEntries(infrastructure.map((pid) => [`${pid}`, pid])));
    const stolenShare = startStealMeter();
    const cpuBefore = cpuSeconds(serverPid);
    const startedAtMs = performance.now();
    const before = await totalOf(clients);
    await sent;
    const sentAfterMs = performance.now() - startedAtMs;
    const infrastructureShares = Object.values(readInfrastructure());
    const expected = (job.warmUpEvents + job.events) * membersPerRoom;
    const deadline = performance.now() + SETTLE_MS;
    let after = await totalOf(clients);
    while (after.deliveries < expected && performance.now() < deadline) {
      await sleep(SETTLED_POLL_MS);
      after = await totalOf(clients);
    }
    const elapsedMs = performance.now() - startedAtMs;
    const serverCpuSeconds = cpuSeconds(serverPid) - cpuBefore;
    const stolen = stolenShare();
    const results = await Promise.all(
      clients.map((one) => {
        const answer = heard(one, (message: ClientsSaid) => (message.said === 'result' ? message : undefined));
        one.send({ ask: 'result' });
        return answer;
      }),
    );
    const clientsCpu = Math.max(...after.cpuMs.map((ms, index) => (ms - (before.cpuMs[index] ?? 0)) / elapsedMs));
    const infrastructureCpu = infrastructureShares.reduce((sum, share) => sum + share, 0);
    const infrastructureCores = cores === null ? cpus().length : 1;
    const add = (pick: (one: (typeof results)[number]) => number): number =>
      results.reduce((sum, one) => sum + pick(one), 0);
    return {
      contender,
      rooms,
      membersPerRoom,
      perSecond,
      events: job.events,
      lost: expected - after.deliveries,
      outOfOrder: add(({ outOfOrder }) => outOfOrder),
      closed: add(({ closed }) => closed),
      deliveredMs: summarise(results.flatMap(({ samplesMs }) => samplesMs)),
      serverCpuSeconds: round(serverCpuSeconds),
      serverCpu: round(serverCpuSeconds / (elapsedMs / 1000)),
      deliveriesPerCpuSecond: Math.round((after.deliveries - before.deliveries) / serverCpuSeconds),
      bytesPerDelivery: Math.round(add(({ bytes }) => bytes) / Math.max(1, after.deliveries)),
      clientsCpu: round(clientsCpu),
      infrastructureCpu: round(infrastructureCpu),
      stolen,
      void:
        clientsCpu > BUSY ||
        infrastructureCpu > BUSY * infrastructureCores ||
        stolen > STOLEN ||
        sentAfterMs > setting.seconds * 1_100,
    };
  } finally {
    await Promise.all(started.reverse().map(end));
  }
}

/** A gateway says goodbye to its clients; the others just go. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  if (child.connected) child.disconnect();
  else child.kill('SIGTERM');
  await gone;
}
