/**
 * What `gateway --workers` gains: what one, two and three workers on one port can deliver, each on a core of its own.
 *
 *   scripts/bench workers [--workers 1,2,3] [--rooms 8] [--members 100] [--rate 80] [--seconds 10] [--repeats 3] [--quick]
 *
 * Work grows with the workers: for each of them so many rooms of so many members, who get so many events a second each. Windows are off, so that each delivery
 * is a write of its own. Offered is less than a worker can give, since one that is full joins what waits into fewer writes; so what is compared is what they
 * would give at a full core of the busiest: deliveries a second by its share of its core. A producer writes outbound in the sequencer's place. It, the members and
 * Kafka share the cores that are left; a round in which these or the members' process were over 90 % busy, the hypervisor took over 8 % of all, or a
 * delivery is missing, is void.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ROOT } from '../scripts/stack/root.ts';
import type { EventsAsked, EventsJob, EventsSaid } from './fan-out/messages.ts';
import { heard } from './support/child-messages.ts';
import { cpuSeconds, startStealMeter } from './support/cpu.ts';
import { writeGatewayConfig } from './support/gateway-config.ts';
import { median, round } from './support/latency.ts';
import { benchOptions } from './support/options.ts';
import { layOutCores, pin } from './support/pin.ts';
import { type BenchGoal, type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, playInTurn, voidReasons } from './support/rounds.ts';
import { startGateway } from './support/server-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';
import type { MembersAsked, MembersJob, MembersSaid } from './workers/messages.ts';

const { values: options } = benchOptions({
  options: {
    workers: { type: 'string', default: '1,2,3' },
    rooms: { type: 'string', default: '8' },
    members: { type: 'string', default: '100' },
    rate: { type: 'string', default: '80' },
    seconds: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '4' },
    repeats: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '26600' },
    out: { type: 'string', default: 'workers' },
  },
});
const counts = options.workers.split(',');
const roomsPerWorker = Number(options.rooms);
const membersPerRoom = Number(options.members);
const perRoom = Number(options.rate);
const seconds = options.quick ? 4 : Number(options.seconds);
const warmUpSeconds = options.quick ? 2 : Number(options['warm-up']);
const repeats = options.quick ? 1 : Number(options.repeats);
const PAYLOAD_BYTES = 200;
/** Workers have the first cores, the others share what is left of them. */
const PINS = layOutCores() !== null;
const CORES = cpus().length;
/** Of so many workers to one, at least so much of what is ideal. */
const GOAL_PART = 0.8;
const SETTLE_MS = 5_000;
const SETTLED_POLL_MS = 200;
let nextPort = Number(options['port-base']) + 100;

interface Round {
  readonly deliveriesPerSecond: number;
  /** Of its core. */
  readonly busiestWorker: number;
  /** Deliveries a second at a full core of the busiest. */
  readonly capacity: number;
  readonly deliveriesPerCpuSecond: number;
  readonly byWorker: Readonly<Record<string, number>>;
  readonly void: readonly string[];
}

interface Setting {
  readonly stack: BenchStack;
  readonly config: string;
  readonly members: ChildProcess;
  readonly events: ChildProcess;
}

const eventsSaid = (events: ChildProcess, said: EventsSaid['said']): Promise<true> =>
  heard(events, (message: EventsSaid) => (message.said === said ? true : undefined));

function ask<Said extends MembersSaid['said']>(members: ChildProcess, asked: MembersAsked, said: Said) {
  const answer = heard(members, (message: MembersSaid) =>
    message.said === said ? (message as Extract<MembersSaid, { said: Said }>) : undefined,
  );
  members.send(asked);
  return answer;
}

/** Process ids of the workers, each pinned to a core; of the gateway itself where it is alone. */
async function pinWorkers(pid: number, adminUrl: string, workers: number): Promise<number[]> {
  if (workers === 1) {
    pin(pid, PINS ? '0' : undefined);
    return [pid];
  }
  const health = (await (await fetch(`${adminUrl}/health`)).json()) as { workers: { pid: number }[] };
  health.workers.forEach((worker, index) => void pin(worker.pid, PINS ? `${index}` : undefined));
  return health.workers.map((worker) => worker.pid);
}

async function playRound({ stack, config, members, events }: Setting, count: string): Promise<Round> {
  const workers = Number(count);
  const rooms = roomsPerWorker * workers;
  const port = nextPort;
  nextPort += 2;
  const others = [...stack.file.kafka.pids, events.pid as number, members.pid as number];
  for (const pid of others) pin(pid, PINS ? `${workers}-${CORES - 1}` : undefined);
  const gateway = await startGateway({ config, name: `bench-${count}`, port, args: ['--workers', count] });
  try {
    const pids = await pinWorkers(gateway.pid, gateway.adminUrl ?? '', workers);
    const { byWorker } = await ask(members, { ask: 'begin', url: gateway.url, rooms }, 'live');
    const perSecond = rooms * perRoom;
    const asked: EventsAsked = {
      rooms,
      perSecond,
      warmUpEvents: perSecond * warmUpSeconds,
      events: perSecond * seconds,
    };
    const measuring = eventsSaid(events, 'measuring');
    const sent = eventsSaid(events, 'sent');
    events.send(asked);
    await measuring;
    const read = async () => {
      const { deliveries, cpuMs, closed } = await ask(members, { ask: 'count' }, 'count');
      const used = { workers: pids.map(cpuSeconds), others: others.reduce((sum, pid) => sum + cpuSeconds(pid), 0) };
      return { atMs: performance.now(), deliveries, cpuMs, closed, ...used };
    };
    const stolenShare = startStealMeter();
    const before = await read();
    await sent;
    const after = await read();
    const stolen = stolenShare();
    const expected = (asked.warmUpEvents + asked.events) * membersPerRoom;
    const deadline = performance.now() + SETTLE_MS;
    let last = after;
    while (last.deliveries < expected && performance.now() < deadline) {
      await sleep(SETTLED_POLL_MS);
      last = await read();
    }
    await ask(members, { ask: 'end' }, 'ended');
    const elapsedMs = after.atMs - before.atMs;
    const share = (cpu: number): number => (cpu * 1_000) / elapsedMs;
    const used = after.workers.map((cpu, index) => cpu - (before.workers[index] ?? 0));
    const busiestWorker = share(Math.max(...used));
    const deliveriesPerSecond = ((after.deliveries - before.deliveries) * 1_000) / elapsedMs;
    const load = (after.cpuMs - before.cpuMs) / elapsedMs;
    const brokers = share(after.others - before.others) / (PINS ? CORES - workers : CORES);
    const reasons = voidReasons({ load, brokers, stolen });
    if (last.closed > 0) reasons.push(`${last.closed} connections closed`);
    if (last.deliveries !== expected) reasons.push(`${expected - last.deliveries} deliveries missing`);
    const one: Round = {
      deliveriesPerSecond: Math.round(deliveriesPerSecond),
      busiestWorker: round(busiestWorker),
      capacity: Math.round(deliveriesPerSecond / busiestWorker),
      deliveriesPerCpuSecond: Math.round(
        (after.deliveries - before.deliveries) / used.reduce((sum, cpu) => sum + cpu, 0),
      ),
      byWorker,
      void: reasons,
    };
    const around = { load: round(load), othersOfTheirCores: round(brokers), stolen };
    process.stderr.write(`${count} workers: ${JSON.stringify({ ...one, ...around })}\n`);
    return one;
  } finally {
    await gateway.stop();
  }
}

await withStack({ portBase: Number(options['port-base']), up: ['--infra-only'] }, async (stack) => {
  const { kafka, registry, topics, partitions } = stack.file;
  const config = writeGatewayConfig(stack, {
    flushWindowMaxMs: 0,
    drainWindowMs: 100,
    joinsPerSecond: 100_000,
    handshakesPerSecond: 100_000,
    maxConnectionsPerUser: 100_000,
    maxConnectionsPerAddress: 100_000,
  });
  const job: EventsJob = {
    brokers: kafka.brokers,
    registry: registry.url,
    topic: topics.outbound,
    partitions,
    rooms: roomsPerWorker * Math.max(...counts.map(Number)),
    payloadBytes: PAYLOAD_BYTES,
  };
  const events = fork(join(ROOT, 'bench/fan-out/events.ts'), [JSON.stringify(job)]);
  stack.atEnd(() => events.kill());
  await eventsSaid(events, 'ready');
  const membersJob: MembersJob = { token: stack.token(), membersPerRoom };
  const members = fork(join(ROOT, 'bench/workers/members.ts'), [JSON.stringify(membersJob)]);
  stack.atEnd(() => members.kill());
  await heard(members, ({ said }: MembersSaid) => (said === 'ready' ? true : undefined));
  const played = await playInTurn<string, Round>({
    sides: counts,
    repeats,
    tries: 2,
    play: (count) => playRound({ stack, config, members, events }, count),
    isVoid: (one) => one.void.length > 0,
  });
  const rows: BenchRow[] = [];
  const capacities = new Map<string, number>();
  for (const [count, { valid }] of played) {
    if (valid.length === 0) continue;
    const about = {
      case: `for each worker ${roomsPerWorker} rooms × ${membersPerRoom} members × ${perRoom} events/s, one write per delivery`,
      side: `${count} worker${count === '1' ? '' : 's'}`,
    };
    const row = (metric: string, unit: string, pick: (one: Round) => number): BenchRow =>
      rowOf({ ...about, metric, unit }, valid.map(pick));
    capacities.set(count, median(valid.map((one) => one.capacity)));
    rows.push(
      row('deliveries at a full core of the busiest worker', '1/s', (one) => one.capacity),
      row('deliveries', '1/s', (one) => one.deliveriesPerSecond),
      row('the busiest worker’s share of its core', '', (one) => one.busiestWorker),
      row('deliveries per CPU-second', '1/s', (one) => one.deliveriesPerCpuSecond),
    );
  }
  const single = capacities.get('1');
  const goals = [...capacities].flatMap(([count, capacity]): BenchGoal[] => {
    if (single === undefined || count === '1') return [];
    const what = `deliveries/s that ${count} workers are good for, to one`;
    const atLeast = round(GOAL_PART * Number(count));
    return [{ figure: 'issue', what, value: round(capacity / single), unit: '×', atLeast }];
  });
  if (options.quick) {
    for (const { what, value } of goals) process.stderr.write(`${what}: ${value}\n`);
    return;
  }
  writeResult(options.out, {
    bench: 'workers',
    figure: 'issue',
    command: `scripts/bench workers --workers ${options.workers} --rooms ${roomsPerWorker} --members ${membersPerRoom} --rate ${perRoom} --seconds ${seconds} --repeats ${repeats}`,
    versions: {},
    settings: {
      roomsPerWorker,
      membersPerRoom,
      eventsPerSecondAndRoom: perRoom,
      payloadBytes: PAYLOAD_BYTES,
      flushWindowMaxMs: 0,
      pinned: PINS,
      secondsMeasured: seconds,
    },
    ...countRounds(played.values()),
    rows,
    goals,
    notes: [
      'The kernel spreads members by a hash of their addresses, so one worker has some more than the others; the busiest is what is counted.',
      'Every worker reads and folds all events, also those of rooms that it has no member in: with N workers N times as many as with one, since the work grows with them.',
    ],
    detail: [...played].map(([workers, { valid, void: thrownAway }]) => ({
      workers,
      rounds: [...valid, ...thrownAway],
    })),
  });
});
