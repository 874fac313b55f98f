/**
 * P6 and P7: what a connection costs in memory and in CPU, opened, authenticated and in one room, against Socket.IO and bare `ws`.
 *
 *   scripts/bench connections [--connections 10000] [--room-size 10] [--warm-up 2000] [--repeats 3] [--sides 'roomlog,roomlog without Redis,socket.io,ws']
 *                             [--profile DIR] [--quick]
 *
 * Starts a stack of its own (the gateway reads and folds as ever, with nothing published). Each side in turn in a fresh process: `--warm-up` connections go
 * through all stages and leave; then all connections are opened, authenticated (each as a user of its own, with a token of its own) and joined, 100 at a
 * time. CPU is the server's user + system time over each stage; memory is taken after full collections, over the inspector, against that
 * of the same process before the stage. A round in which the load's core was over 90 % busy does not count for CPU.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../scripts/stack/root.ts';
import { statePaths } from '../scripts/stack/state-dir.ts';
import {
  type LoadAsked,
  type LoadJob,
  type LoadSaid,
  type PeerJob,
  SIDES,
  type Side,
  STAGES,
  type Stage,
} from './connections/messages.ts';
import { heard } from './support/child-messages.ts';
import { cpuSeconds, startStealMeter } from './support/cpu.ts';
import { type Memory, memoryOf } from './support/inspector.ts';
import { median, round } from './support/latency.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { layOutCores, pin } from './support/pin.ts';
import { type BenchGoal, type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, playInTurn, voidReasons } from './support/rounds.ts';
import { NODE_SERVERS_NOTE, type ServerProcess, startGateway, startProgram } from './support/server-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const { values: options } = benchOptions({
  options: {
    connections: { type: 'string', default: '10000' },
    'room-size': { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '2000' },
    repeats: { type: 'string', default: '3' },
    sides: { type: 'string', default: SIDES.join(',') },
    profile: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '26200' },
    out: { type: 'string', default: 'connections' },
  },
});
const repeats = options.quick ? 1 : Number(options.repeats);
const connections = Number(options.connections);
const sides = options.sides.split(',') as Side[];
const cores = layOutCores();
/** Each round has ports of its own: those of the last one's connections are still in use on this machine. */
let nextPort = Number(options['port-base']) + 100;
const KB = 1_024;
const MAX_KB_OVER_WS = 4;
/** How long the idle server is watched. */
const IDLE_MS = 3_000;
const LESS_IDLE = 'CPU per connection, less what the idle server uses in that time';
/** Nobody listens there: the gateway goes on without presence, as it does when Redis is away. */
const NO_REDIS = 'redis://127.0.0.1:1';
const MAX_CPU_OF_SOCKET_IO = 0.5;

interface StageCost {
  readonly cpuUs: number;
  /** From the first connection's step to the last one's. */
  readonly elapsedMs: number;
  readonly heapBytes: number;
  readonly residentBytes: number;
}

interface Round {
  readonly side: Side;
  /** Per connection, from the stage before. */
  readonly stages: Readonly<Record<Stage, StageCost>>;
  /** What the server takes of a core while nobody comes. */
  readonly idle: number;
  readonly load: number;
  readonly stolen: number;
  readonly void: readonly string[];
}

const next = (load: ChildProcess) => heard(load, (said: LoadSaid) => said);

function startServer(stack: BenchStack, side: Side, secret: string, inspect: number): Promise<ServerProcess> {
  const port = nextPort;
  nextPort += 3;
  const common = {
    cores: cores?.server,
    nodeArgs: [`--inspect=127.0.0.1:${inspect}`],
    profileDir: options.profile ?? null,
  };
  if (side === 'roomlog' || side === 'roomlog without Redis') {
    const config = stack.configOf(stack.file.gateways[0]?.name ?? '');
    const args = [
      ...(side === 'roomlog' ? [] : ['--redis-url', NO_REDIS]),
      '--gateway-max-connections-per-address',
      '0',
      '--gateway-hello-timeout-ms',
      '600000',
      '--gateway-handshakes-per-second',
      '100000',
      '--gateway-joins-per-second',
      '100000',
    ];
    return startGateway({ ...common, config, name: 'bench-connections', port, args });
  }
  const job: PeerJob = { side, port, secret };
  const path = side === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : '/';
  return startProgram({ ...common, file: 'connections/peer.ts', job, url: `ws://127.0.0.1:${port}${path}` });
}

async function playRound(stack: BenchStack, side: Side, secret: string): Promise<Round> {
  const inspect = nextPort + 2;
  const server = await startServer(stack, side, secret, inspect);
  const job: LoadJob = {
    dialect: side === 'socket.io' ? side : 'roomlog',
    url: server.url,
    secret,
    connections,
    roomSize: Number(options['room-size']),
    warmUp: Number(options['warm-up']),
  };
  const load = fork(join(ROOT, 'bench/connections/load.ts'), [JSON.stringify(job)]);
  try {
    const ready = next(load);
    pin(load.pid as number, cores?.clients[0]);
    await ready;
    const ask = async (asked: LoadAsked): Promise<Extract<LoadSaid, { said: 'done' }>> => {
      load.send(asked);
      return (await next(load)) as Extract<LoadSaid, { said: 'done' }>;
    };
    await ask({ ask: 'warm-up' });
    const stages: Partial<Record<Stage, StageCost>> = {};
    const stolenShare = startStealMeter();
    let before: Memory = await memoryOf(server.pid, inspect);
    const idleFrom = cpuSeconds(server.pid);
    await sleep(IDLE_MS);
    const idle = round((cpuSeconds(server.pid) - idleFrom) / (IDLE_MS / 1_000));
    let [busiest, closed] = [0, 0];
    for (const stage of STAGES) {
      const cpuBefore = cpuSeconds(server.pid);
      const done = await ask({ ask: stage });
      const cpuUs = ((cpuSeconds(server.pid) - cpuBefore) * 1e6) / connections;
      const memory = await memoryOf(server.pid, inspect);
      stages[stage] = {
        cpuUs: round(cpuUs),
        elapsedMs: done.elapsedMs,
        heapBytes: Math.round((memory.heapBytes - before.heapBytes) / connections),
        residentBytes: Math.round((memory.residentBytes - before.residentBytes) / connections),
      };
      before = memory;
      // `ws` answers as fast as anybody can ask.
      if (side !== 'ws' || stage === 'open') busiest = Math.max(busiest, done.load);
      closed = done.closed;
    }
    const stolen = stolenShare();
    const faults = closed > 0 ? [`${closed} connections closed`] : [];
    const reasons = [...voidReasons({ load: busiest, stolen }), ...faults];
    const one: Round = { side, stages: stages as Round['stages'], idle, load: busiest, stolen, void: reasons };
    tell(one);
    return one;
  } finally {
    load.kill('SIGKILL');
    await server.stop();
  }
}

const upTo = (one: Round, last: Stage, pick: (cost: StageCost) => number): number =>
  STAGES.slice(0, STAGES.indexOf(last) + 1).reduce((sum, stage) => sum + pick(one.stages[stage]), 0);

/** What the server would have used in that time anyway, for each connection. */
const idleUs = (idle: number, elapsedMs: number): number => (idle * elapsedMs * 1_000) / connections;

function tell(one: Round): void {
  const told = STAGES.map((stage) => {
    const { cpuUs, heapBytes, residentBytes } = one.stages[stage];
    return `${stage}: ${cpuUs} µs, ${round(residentBytes / KB)} KB resident, ${round(heapBytes / KB)} KB heap`;
  });
  const verdict = one.void.length > 0 ? `, VOID: ${one.void.join('; ')}` : '';
  process.stderr.write(
    `${one.side}: ${told.join('; ')}; idle ${round(one.idle * 100)} % of a core; load ${Math.round(one.load * 100)} %, stolen ${Math.round(one.stolen * 100)} %${verdict}\n`,
  );
}

await withStack({ portBase: Number(options['port-base']) }, async (stack) => {
  stack.pinInfrastructure(cores, { gatewaysToo: true });
  const secret = readFileSync(statePaths(stack.stateDir).secretFile, 'utf8').trim();
  const played = await playInTurn<Side, Round>({
    sides,
    repeats,
    play: (side) => playRound(stack, side, secret),
    isVoid: (one) => one.void.length > 0,
  });
  const rows: BenchRow[] = [];
  const memory = new Map<string, number>();
  const cpu = new Map<Side, number>();
  for (const [side, { valid }] of played) {
    if (valid.length === 0) continue;
    for (const stage of STAGES) {
      const about = { case: `${connections.toLocaleString('en-US')} connections, ${stage}`, side };
      const resident = valid.map((one) => upTo(one, stage, (cost) => cost.residentBytes) / KB);
      const heap = valid.map((one) => upTo(one, stage, (cost) => cost.heapBytes) / KB);
      const cpuUs = valid.map((one) => upTo(one, stage, (cost) => cost.cpuUs));
      memory.set(`${side} ${stage}`, median(resident));
      if (stage === STAGES.at(-1)) cpu.set(side, median(cpuUs));
      rows.push(
        rowOf({ ...about, metric: 'resident memory per connection', unit: 'KB' }, resident),
        rowOf({ ...about, metric: 'heap and buffers per connection', unit: 'KB' }, heap),
        rowOf({ ...about, metric: 'CPU per connection', unit: 'µs' }, cpuUs),
      );
    }
  }
  for (const [side, { valid }] of played) {
    if (valid.length === 0) continue;
    const about = { case: 'before anybody comes', side, metric: 'CPU of the idle server', unit: '% of a core' };
    rows.push(
      rowOf(
        about,
        valid.map((one) => one.idle * 100),
      ),
      rowOf(
        {
          ...about,
          case: `${connections.toLocaleString('en-US')} connections, in a room`,
          metric: LESS_IDLE,
          unit: 'µs',
        },
        valid.map((one) => upTo(one, 'in a room', ({ cpuUs, elapsedMs }) => cpuUs - idleUs(one.idle, elapsedMs))),
      ),
    );
  }
  const goals: BenchGoal[] = [];
  const [ours, bare] = [memory.get('roomlog in a room'), memory.get('ws open')];
  if (ours !== undefined && bare !== undefined) {
    const what = 'resident memory per connection in one room, over a bare `ws` connection';
    goals.push({ figure: 'P6', what, value: round(ours - bare), unit: 'KB', atMost: MAX_KB_OVER_WS });
  }
  const [oursCpu, theirs] = [cpu.get('roomlog'), cpu.get('socket.io')];
  if (oursCpu !== undefined && theirs !== undefined) {
    const what = 'CPU per connection opened, authenticated and joined, to Socket.IO';
    goals.push({ figure: 'P7', what, value: round(oursCpu / theirs), unit: '×', atMost: MAX_CPU_OF_SOCKET_IO });
  }
  if (options.quick) {
    for (const { what, value, unit } of goals) process.stderr.write(`${what}: ${value} ${unit}\n`);
    return;
  }
  writeResult(options.out, {
    bench: 'connections',
    figure: 'P6, P7',
    command: `scripts/bench connections --connections ${connections} --room-size ${options['room-size']} --warm-up ${options['warm-up']} --repeats ${repeats}`,
    versions: packageVersions('ws', 'socket.io'),
    settings: {
      connections,
      roomSize: Number(options['room-size']),
      atOnce: 100,
      warmUp: Number(options['warm-up']),
      cores,
    },
    ...countRounds(played.values()),
    rows,
    goals,
    notes: [
      NODE_SERVERS_NOTE,
      'Memory is the growth of the server’s resident set after full collections, without the kernel’s buffers of the sockets.',
      'Socket.IO: WebSocket only, no compression, the first HTTP request let go, tokens verified in a middleware by Roomlog’s own verifier, which is quicker than the usual packages. All sides stand on the same ws.',
      'Roomlog’s limits of handshakes and joins a second are out of the way (gateway.handshakesPerSecond, gateway.joinsPerSecond), so that all sides are asked alike.',
      'Roomlog’s CPU holds what its reading of twelve idle partitions costs meanwhile (the idle server’s CPU), its entry in the connection registry in Redis and each room’s subscription there. Socket.IO has nothing beside itself: no adapter, no presence.',
      '“roomlog without Redis” is the same gateway with nobody at redis.url: then neither of the two tells others who is there.',
      'ws: JSON parsed, the token verified as at the others, and an answer of the same length to each of the two commands, nothing else. Its load is not judged there: it answers as fast as anybody can ask.',
    ],
    detail: [...played.values()].flatMap(({ valid, void: thrownAway }) => [...valid, ...thrownAway]),
  });
});
