/**
 * What `gateway --workers` gains: deliveries a second to one room's members with one worker and with two, each on a core of its own.
 *
 *   scripts/bench workers [--workers 1,2] [--members 1000] [--in-flight 4] [--seconds 10] [--repeats 3] [--quick]
 *
 * A writer of outbound, in the sequencer's place, keeps `--in-flight` events under way: the next is written when the oldest has reached all members, so that gateways give as
 * much as they can. Windows are off, so that each delivery is a write of its own and the gateway is what limits. Workers have a core each; half of the members and
 * the writer share one, the other half and Kafka another; a round in which these were over 90 % busy, or the hypervisor took over 8 % of all, is void.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ROOT } from '../scripts/stack/root.ts';
import { heard } from './support/child-messages.ts';
import { cpuSeconds, startStealMeter } from './support/cpu.ts';
import { writeGatewayConfig } from './support/gateway-config.ts';
import { median, round } from './support/latency.ts';
import { pin } from './support/pin.ts';
import { type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, playInTurn, voidReasons } from './support/rounds.ts';
import { startGateway } from './support/server-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';
import type { LoadAsked, LoadJob, LoadSaid } from './workers/messages.ts';

const { values: options } = parseArgs({
  options: {
    workers: { type: 'string', default: '1,2' },
    members: { type: 'string', default: '1000' },
    'in-flight': { type: 'string', default: '4' },
    seconds: { type: 'string', default: '10' },
    'warm-up': { type: 'string', default: '4' },
    repeats: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '26600' },
    out: { type: 'string', default: 'workers' },
  },
});
const counts = options.workers.split(',');
const members = Number(options.members);
const seconds = options.quick ? 4 : Number(options.seconds);
const warmUpSeconds = options.quick ? 2 : Number(options['warm-up']);
const repeats = options.quick ? 1 : Number(options.repeats);
/** The last core is the load's, the one before it Kafka's; workers have those below. */
const CORES = cpus().length >= 4 ? { brokers: `${cpus().length - 2}`, load: `${cpus().length - 1}` } : null;
/** Two workers to one, at least. */
const GOAL = 1.6;
let nextPort = Number(options['port-base']) + 100;

interface Round {
  readonly deliveriesPerSecond: number;
  readonly deliveriesPerCpuSecond: number;
  readonly byWorker: Readonly<Record<string, number>>;
  readonly busiestWorker: number;
  readonly void: readonly string[];
}

const told = <Said extends LoadSaid['said']>(load: ChildProcess, said: Said) =>
  heard(load, (message: LoadSaid) =>
    message.said === said ? (message as Extract<LoadSaid, { said: Said }>) : undefined,
  );

/** Process ids of the workers, each pinned to a core; of the gateway itself where it is alone. */
async function pinWorkers(pid: number, adminUrl: string, workers: number): Promise<number[]> {
  if (workers === 1) {
    pin(pid, CORES === null ? undefined : '0');
    return [pid];
  }
  const health = (await (await fetch(`${adminUrl}/health`)).json()) as { workers: { pid: number }[] };
  health.workers.forEach((worker, index) => void pin(worker.pid, CORES === null ? undefined : `${index}`));
  return health.workers.map((worker) => worker.pid);
}

async function playRound(
  stack: BenchStack,
  config: string,
  loads: readonly ChildProcess[],
  count: string,
): Promise<Round> {
  const port = nextPort;
  nextPort += 2;
  const args = ['--workers', count];
  const gateway = await startGateway({ config, name: `bench-workers-${count}`, port, args });
  try {
    const pids = await pinWorkers(gateway.pid, gateway.adminUrl ?? '', Number(count));
    const ask = (asked: LoadAsked): void => {
      for (const load of loads) load.send(asked);
    };
    const all = <Said extends LoadSaid['said']>(said: Said) => Promise.all(loads.map((load) => told(load, said)));
    const flowing = all('flowing');
    ask({ ask: 'begin', url: gateway.url });
    const byWorker: Record<string, number> = {};
    for (const one of await flowing) {
      for (const [worker, some] of Object.entries(one.byWorker)) byWorker[worker] = (byWorker[worker] ?? 0) + some;
    }
    await sleep(warmUpSeconds * 1_000);
    const read = async () => {
      const counted = all('count');
      ask({ ask: 'count' });
      const told = await counted;
      const deliveries = told.reduce((sum, one) => sum + one.deliveries, 0);
      const closed = told.reduce((sum, one) => sum + one.closed, 0);
      const cpuMs = told.map((one) => one.cpuMs);
      const workers = pids.map(cpuSeconds);
      const brokers = stack.file.kafka.pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
      return { atMs: performance.now(), deliveries, cpuMs, closed, workers, brokers };
    };
    const stolenShare = startStealMeter();
    const before = await read();
    await sleep(seconds * 1_000);
    const after = await read();
    const stolen = stolenShare();
    const elapsedMs = after.atMs - before.atMs;
    const used = after.workers.map((cpu, index) => cpu - (before.workers[index] ?? 0));
    const brokers = ((after.brokers - before.brokers) * 1_000) / elapsedMs;
    const shares = after.cpuMs.map((cpu, index) => (cpu - (before.cpuMs[index] ?? 0)) / elapsedMs);
    // The second has Kafka on its core.
    const load = Math.max(shares[0] ?? 0, (shares[1] ?? 0) + (CORES === null ? 0 : brokers));
    const deliveries = after.deliveries - before.deliveries;
    const faults = after.closed > 0 ? [`${after.closed} connections closed`] : [];
    const one: Round = {
      deliveriesPerSecond: Math.round((deliveries * 1_000) / elapsedMs),
      deliveriesPerCpuSecond: Math.round(deliveries / used.reduce((sum, cpu) => sum + cpu, 0)),
      byWorker,
      busiestWorker: round((Math.max(...used) * 1_000) / elapsedMs),
      void: [...voidReasons({ load, stolen }), ...faults],
    };
    process.stderr.write(
      `${count} workers: ${JSON.stringify({ ...one, load: round(load), brokers: round(brokers), stolen })}\n`,
    );
    const ended = all('ended');
    ask({ ask: 'end' });
    await ended;
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
  });
  const job: Omit<LoadJob, 'writes'> = {
    token: stack.token(),
    members: Math.floor(members / 2),
    brokers: kafka.brokers,
    registry: registry.url,
    topic: topics.outbound,
    partitions,
    inFlight: Number(options['in-flight']),
    payloadBytes: 200,
  };
  const loads: ChildProcess[] = [];
  for (const writes of [true, false]) {
    const load = fork(join(ROOT, 'bench/workers/load.ts'), [JSON.stringify({ ...job, writes })]);
    stack.atEnd(() => load.kill());
    await told(load, 'ready');
    pin(load.pid as number, writes ? CORES?.load : CORES?.brokers);
    loads.push(load);
  }
  for (const pid of kafka.pids) pin(pid, CORES?.brokers);
  const played = await playInTurn<string, Round>({
    sides: counts,
    repeats,
    play: (count) => playRound(stack, config, loads, count),
    isVoid: (one) => one.void.length > 0,
  });
  const rows: BenchRow[] = [];
  const rates = new Map<string, number>();
  for (const [count, { valid }] of played) {
    if (valid.length === 0) continue;
    const about = {
      case: `1 room × ${members} members, one write per delivery`,
      side: `${count} worker${count === '1' ? '' : 's'}`,
    };
    const perSecond = valid.map((one) => one.deliveriesPerSecond);
    rates.set(count, median(perSecond));
    rows.push(
      rowOf({ ...about, metric: 'deliveries', unit: '1/s' }, perSecond),
      rowOf(
        { ...about, metric: 'deliveries per CPU-second', unit: '1/s' },
        valid.map((one) => one.deliveriesPerCpuSecond),
      ),
      rowOf(
        { ...about, metric: 'the busiest worker’s share of its core', unit: '' },
        valid.map((one) => one.busiestWorker),
      ),
    );
  }
  const [one, two] = [rates.get('1'), rates.get('2')];
  const goals =
    one === undefined || two === undefined
      ? []
      : [
          {
            figure: 'issue' as const,
            what: 'deliveries/s of two workers to one',
            value: round(two / one),
            unit: '×',
            atLeast: GOAL,
          },
        ];
  if (options.quick) {
    for (const { what, value } of goals) process.stderr.write(`${what}: ${value}\n`);
    return;
  }
  writeResult(options.out, {
    bench: 'workers',
    figure: 'issue',
    command: `scripts/bench workers --workers ${options.workers} --members ${members} --in-flight ${options['in-flight']} --seconds ${seconds} --repeats ${repeats}`,
    versions: {},
    settings: {
      members,
      inFlight: Number(options['in-flight']),
      payloadBytes: 200,
      flushWindowMaxMs: 0,
      cores: CORES,
      secondsMeasured: seconds,
    },
    ...countRounds(played.values()),
    rows,
    goals,
    notes: [
      'Of four cores two are Kafka’s and the members’, so two workers are as many as can be shown to have a core each.',
      'The kernel spreads members by a hash of their addresses, so one worker has some more than the other, and the room’s next event waits for the slower one.',
    ],
    detail: [...played].map(([workers, { valid, void: thrownAway }]) => ({
      workers,
      rounds: [...valid, ...thrownAway],
    })),
  });
});
