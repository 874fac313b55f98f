/**
 * P3: publish → delivered to all members, against a bare produce → consume → produce → consume loop on the same brokers in the same run.
 *
 *   scripts/bench publish-delivered [--cases 5000x2,5000x10,1000x10] [--seconds 8] [--repeats 3] [--payload 200] [--gateways N] [--sides NAMES] [--quick]
 *
 * A case is events a second × members a room; it has one gateway where that is enough, else two, or as many as are asked for. Roomlog, the usual kafkajs group loop and the best loop there is (raw, no group) take turns
 * after one round each that does not count: brokers' and programs' code is compiled by then. The low rate comes last: at 1,000 events a second a sequencer and a gateway that have just started
 * take several rounds to be compiled (p50 2.5 ms in the first, 1.7 in the fourth), which is what would be measured; a loop is a fraction of their code, and has its first three seconds left out in each round. The load is spread over processes that
 * publish and receive for rooms of their own, so that one clock stamps and reads. Members and publishers are spread over the gateways. All
 * processes share all cores.
 */
import { cpus } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import '../adapters/kafka/kafkajs-timers.ts';
import type { EdgeJob, LoadJob, LoadResult, LoopJob } from './load/messages.ts';
import { runLoad } from './load/run.ts';
import { EVENTS_PER_ROOM, runSpread } from './load/spread.ts';
import { startCpuMeter, startStealMeter } from './support/cpu.ts';
import { kafkaVersion } from './support/kafka-tools.ts';
import type { LatencySummary } from './support/latency.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { type BenchGoal, type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, type Played, playInTurn, voidReasons } from './support/rounds.ts';
import { type ServerProcess, startGateway, startProgram } from './support/server-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const WARM_UP_SECONDS = 3;
/** Between rounds, so that one's sockets and logs are gone before the next begins. */
const PAUSE_MS = 500;
/** Publishes and deliveries a second up to which one gateway is enough. A second one reads and folds all of the log as well, on the same cores. */
const MESSAGES_PER_GATEWAY = 25_000;
/** Further ones are of no use: brokers, sequencer, load and gateways share four cores. */
const MAX_GATEWAYS = 2;
/** From the first port on; below are those of the stack. */
const FIRST_OWN_PORT = 70;
const SIDES = ['roomlog', 'group loop', 'best loop'] as const;
/** At the low rate, where the hops count and not the work, there is one more, against which there is no goal. */
const EDGE = 'best loop behind WebSockets';
type Side = (typeof SIDES)[number] | typeof EDGE;
/** Events a second up to which a case is one of the low rate. */
const LOW_RATE = 1_000;
const sidesOf = ({ rate }: { readonly rate: number }): readonly Side[] => {
  const sides: readonly Side[] = rate <= LOW_RATE ? [...SIDES, EDGE] : SIDES;
  return sides.filter((side) => chosen === undefined || chosen.includes(side));
};

const { values: options } = benchOptions({
  options: {
    cases: { type: 'string', default: '5000x2,5000x10,1000x10' },
    seconds: { type: 'string', default: '8' },
    repeats: { type: 'string', default: '3' },
    payload: { type: 'string', default: '200' },
    gateways: { type: 'string' },
    sides: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '17400' },
    out: { type: 'string', default: 'publish-delivered' },
  },
});
const seconds = options.quick ? 4 : Number(options.seconds);
const repeats = options.quick ? 1 : Number(options.repeats);
const chosen = options.sides?.split(',');
const payloadBytes = Number(options.payload);
const say = (line: string) => void process.stderr.write(`${line}\n`);

interface Case {
  readonly rate: number;
  readonly members: number;
}
const cases = options.cases.split(',').map((text): Case => {
  const [rate = 0, members = 0] = text.split('x').map(Number);
  return { rate, members };
});
const gatewaysFor = ({ rate, members }: Case) =>
  options.gateways === undefined
    ? Math.min(MAX_GATEWAYS, Math.ceil((rate * (1 + members)) / MESSAGES_PER_GATEWAY))
    : Number(options.gateways);
const nameOf = ({ rate, members }: Case) => `${rate.toLocaleString('en')} events/s, ${members} members a room`;

interface Round {
  readonly delivered: LatencySummary;
  readonly acked: LatencySummary | null;
  readonly lost: number;
  readonly cpu: Readonly<Record<string, number>>;
  readonly reasons: readonly string[];
}

/** Topics of the loops, and of the one behind WebSockets. */
const LOOP = { from: 'bench.bare.in', to: 'bench.bare.out' };
const BEHIND = { from: 'bench.edge.in', to: 'bench.edge.out' };

const runLoop = (base: LoadJob, loop: LoopJob['loop']): Promise<LoadResult> =>
  runLoad('bare-loop.ts', { ...base, loop, ...LOOP } as LoopJob, WARM_UP_SECONDS + seconds);

interface Setting {
  readonly stack: BenchStack;
  /** All that the case has. */
  readonly gateways: readonly Pick<ServerProcess, 'pid' | 'url'>[];
  readonly edge: ServerProcess;
}

async function play({ stack, gateways, edge }: Setting, side: Side, one: Case): Promise<Round> {
  const { sequencers, kafka, partitions } = stack.file;
  const base: LoadJob = {
    brokers: kafka.brokers,
    partitions,
    perSecond: one.rate,
    warmUpEvents: one.rate * WARM_UP_SECONDS,
    events: one.rate * seconds,
    payloadBytes,
  };
  await wait(PAUSE_MS);
  const readCpu = startCpuMeter({
    ...Object.fromEntries(kafka.pids.map((pid, index) => [`kafka-${index + 1}`, pid])),
    ...Object.fromEntries(gateways.map(({ pid }, index) => [`gateway-${index + 1}`, pid])),
    ...Object.fromEntries(sequencers.map(({ name, pid }) => [name, pid])),
    ...(side === EDGE && { edge: edge.pid }),
  });
  const stolenShare = startStealMeter();
  const result = await (side === 'roomlog' || side === EDGE
    ? runSpread(
        {
          ...base,
          urls: side === EDGE ? [edge.url] : gateways.map(({ url }) => url),
          token: (user) => stack.token(user),
          membersPerRoom: one.members,
        },
        WARM_UP_SECONDS + seconds,
      )
    : runLoop(base, side === 'best loop' ? 'raw' : 'group'));
  const cpu = readCpu();
  const brokers = kafka.pids.reduce((sum, _, index) => sum + (cpu[`kafka-${index + 1}`] ?? 0), 0) / cpus().length;
  const reasons = voidReasons({ load: result.loadCpu, brokers, stolen: stolenShare() });
  if (result.lost > 0) reasons.push(`${result.lost} events did not arrive in time`);
  const { p50, p99 } = result.delivered;
  say(
    `${nameOf(one)}: ${side}: p50 ${p50} ms, p99 ${p99} ms, load ${Math.round(result.loadCpu * 100)} %, ${JSON.stringify(cpu)}${reasons.length > 0 ? `, VOID: ${reasons.join(', ')}` : ''}`,
  );
  return { delivered: result.delivered, acked: result.acked ?? null, lost: result.lost, cpu, reasons };
}

function startEdge({ file }: BenchStack): Promise<ServerProcess> {
  const port = Number(options['port-base']) + FIRST_OWN_PORT;
  const job: EdgeJob = { brokers: file.kafka.brokers, partitions: file.partitions, port, ...BEHIND };
  return startProgram({ file: 'load/bare-edge.ts', job, url: `ws://127.0.0.1:${port}` });
}

/** The stack has one gateway; the others are there for their case only. */
async function withGateways<Result>(
  { stack, edge }: Pick<Setting, 'stack' | 'edge'>,
  count: number,
  use: (setting: Setting) => Promise<Result>,
): Promise<Result> {
  const [first] = stack.file.gateways;
  if (first === undefined) throw new Error('the stack has no gateway');
  const more: ServerProcess[] = [];
  stack.atEnd(() => Promise.all(more.map((gateway) => gateway.stop())));
  for (let number = 2; number <= count; number++) {
    const port = Number(options['port-base']) + FIRST_OWN_PORT + 2 * number;
    more.push(await startGateway({ config: stack.configOf(first.name), name: `bench-${number}`, port }));
  }
  try {
    return await use({ stack, edge, gateways: [{ pid: first.pid, url: first.ws }, ...more] });
  } finally {
    await Promise.all(more.map((gateway) => gateway.stop()));
  }
}

await withStack({ portBase: Number(options['port-base']) }, async (stack) => {
  const { kafka, partitions, sequencers } = stack.file;
  const admin = new Kafka({ clientId: 'bench', brokers: [...kafka.brokers], logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  await admin.createTopics({
    topics: [LOOP.from, LOOP.to, BEHIND.from, BEHIND.to].map((topic) => ({ topic, numPartitions: partitions })),
  });
  await admin.disconnect();
  const edge = await startEdge(stack);
  stack.atEnd(() => edge.stop());

  const rows: BenchRow[] = [];
  const goals: BenchGoal[] = [];
  const played: Array<readonly [Case, ReadonlyMap<Side, Played<Round>>]> = [];
  for (const one of cases) {
    const rounds = await withGateways({ stack, edge }, gatewaysFor(one), async (setting) => {
      const sides = sidesOf(one);
      for (const side of sides) await play(setting, side, one);
      return playInTurn<Side, Round>({
        sides,
        repeats,
        play: (side) => play(setting, side, one),
        isVoid: ({ reasons }) => reasons.length > 0,
      });
    });
    played.push([one, rounds]);
    const medians = new Map<string, number>();
    for (const side of sidesOf(one)) {
      const valid = rounds.get(side)?.valid ?? [];
      if (valid.length === 0) continue;
      for (const quantile of ['p50', 'p99'] as const) {
        const about = { case: nameOf(one), side, metric: `publish to delivered, ${quantile}`, unit: 'ms' };
        const row = rowOf(
          about,
          valid.map(({ delivered }) => delivered[quantile]),
        );
        medians.set(`${side} ${quantile}`, row.median);
        rows.push(row);
      }
    }
    goals.push(...goalsOf(one, (side, quantile) => medians.get(`${side} ${quantile}`) ?? Number.NaN));
  }
  if (options.quick) return;
  writeResult(options.out, {
    bench: 'publish-delivered',
    figure: 'P3',
    command: `scripts/bench publish-delivered --cases ${options.cases} --seconds ${seconds} --repeats ${repeats} --payload ${payloadBytes}${options.gateways === undefined ? '' : ` --gateways ${options.gateways}`}`,
    versions: { kafka: await kafkaVersion(), ...packageVersions('kafkajs') },
    settings: {
      cases: options.cases,
      payloadBytes,
      secondsMeasured: seconds,
      partitions,
      brokers: kafka.brokers.length,
      gateways: Object.fromEntries(cases.map((one) => [nameOf(one), gatewaysFor(one)])),
      sequencers: sequencers.length,
      eventsPerSecondAndRoom: EVENTS_PER_ROOM,
      groupLoop: 'kafkajs: one send in flight, events of one tick share it; consumers with maxWaitTimeInMs 20',
      bestLoop: 'Roomlog’s own adapter: no group, all partitions in one request',
      bestLoopBehindWebSockets: 'the same, with ws in front, and one write to each member',
    },
    ...countRounds(played.flatMap(([, rounds]) => [...rounds.values()])),
    goals: goals.filter(({ value }) => !Number.isNaN(value)),
    notes: [
      'No process is pinned, on either side: a round has four to seven of them (brokers, load, sequencer, gateways) for the cores that there are, and latency is what the scheduler makes of them.',
      'One round of each side before each case is left out: it compiles the brokers’ code. The low rate comes last, when sequencer and gateway are compiled too.',
      'The loops have no clients: what Roomlog adds is a WebSocket in, one to each member, and its guarantees.',
      'The best loop behind WebSockets has clients too, and no guarantees: as many processes in a row as Roomlog, without its work. There is no goal against it.',
    ],
    rows,
    detail: Object.fromEntries(
      played.map(([one, rounds]) => [nameOf(one), Object.fromEntries([...rounds].map(([side, each]) => [side, each]))]),
    ),
  });
});

function goalsOf(one: Case, of: (side: Side, quantile: 'p50' | 'p99') => number): BenchGoal[] {
  const ratio = (side: Side, quantile: 'p50' | 'p99') =>
    Math.round((of('roomlog', quantile) / of(side, quantile)) * 100) / 100;
  const goal = (what: string, value: number, unit: string, atMost: number): BenchGoal => ({
    figure: 'P3',
    what: `${nameOf(one)}: ${what}`,
    value,
    unit,
    atMost,
  });
  if (one.rate <= LOW_RATE) {
    return [
      goal('p50 against the group loop', ratio('group loop', 'p50'), '×', 1),
      goal('p99 against the group loop', ratio('group loop', 'p99'), '×', 1),
      goal('p50 against the best loop', ratio('best loop', 'p50'), '×', 1.3),
      goal('p99 against the best loop', ratio('best loop', 'p99'), '×', 1.5),
    ];
  }
  if (one.members <= 2) return [goal('p50 against the best loop', ratio('best loop', 'p50'), '×', 2)];
  return [goal('p99', of('roomlog', 'p99'), 'ms', 50)];
}
