/**
 * P9: how fast `roomlog replay` and `roomlog verify` read the log, against Kafka's own kafka-consumer-perf-test on the same topics.
 *
 *   scripts/bench verify [--events 2000000] [--rooms 1000] [--payload 200] [--repeats 3] [--sides LIST] [--quick] [--profile DIR] [--out NAME]
 *
 * Builds the package, starts a stack of its own, publishes, has the sequencer answer all of it, ends sequencer and gateway, and lets the readers read everything
 * in turn, each in a fresh process on the same cores; with `--sides` ours also with a single thread. Replay writes JSON lines, which are thrown away; it is held against the tool on outbound.
 * Verify reads inbound and outbound; it is held against the tool on both. Each counts as long as it says
 * itself that it read; whole processes and processor time stand beside. Writes bench/results/verify.json.
 */
import { cpus } from 'node:os';
import { openCodec } from '../adapters/registry/open-codec.ts';
import { configSchema } from '../core/config/schema.ts';
import { silentLog } from '../core/ports/logger.ts';
import { startCpuMeter, startStealMeter } from './support/cpu.ts';
import { kafkaVersion } from './support/kafka-tools.ts';
import { round } from './support/latency.ts';
import { openLog } from './support/open-log.ts';
import { benchOptions } from './support/options.ts';
import { layOutCores } from './support/pin.ts';
import { type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, type Played, playInTurn, voidReasons } from './support/rounds.ts';
import { type BenchStack, withStack } from './support/stack.ts';
import { fill } from './verify/fill.ts';
import { buildPackage, type Reading, readByKafkaTool, readByRoomlog } from './verify/readers.ts';

const DEFAULT_SIDES = 'replay,perf-test outbound,verify,perf-test both';

const { values: options } = benchOptions({
  options: {
    events: { type: 'string', default: '2000000' },
    rooms: { type: 'string', default: '1000' },
    payload: { type: 'string', default: '200' },
    repeats: { type: 'string', default: '3' },
    sides: { type: 'string', default: DEFAULT_SIDES },
    quick: { type: 'boolean', default: false },
    profile: { type: 'string' },
    'port-base': { type: 'string', default: '17900' },
    out: { type: 'string', default: 'verify' },
  },
});
const events = options.quick ? 100_000 : Number(options.events);
const repeats = options.quick ? 1 : Number(options.repeats);
/** What P9 asks for. */
const GOAL = 0.5;

const SIDES = {
  replay: { case: 'outbound', read: readByRoomlog.bind(null, 'replay', []), side: 'roomlog replay' },
  'replay on one thread': {
    case: 'outbound',
    read: readByRoomlog.bind(null, 'replay', ['--threads', '1']),
    side: 'roomlog replay --threads 1',
  },
  'perf-test outbound': {
    case: 'outbound',
    read: readByKafkaTool.bind(null, false),
    side: 'kafka-consumer-perf-test',
  },
  verify: { case: 'inbound and outbound', read: readByRoomlog.bind(null, 'verify', []), side: 'roomlog verify' },
  'verify on one thread': {
    case: 'inbound and outbound',
    read: readByRoomlog.bind(null, 'verify', ['--threads', '1']),
    side: 'roomlog verify --threads 1',
  },
  'perf-test both': {
    case: 'inbound and outbound',
    read: readByKafkaTool.bind(null, true),
    side: 'kafka-consumer-perf-test',
  },
} as const;
type Side = keyof typeof SIDES;
const sides = options.sides.split(',') as Side[];

interface Round extends Reading {
  readonly brokers: number;
  readonly stolen: number;
  readonly void: readonly string[];
}

buildPackage();
await withStack({ portBase: Number(options['port-base']) }, bench);

async function bench(stack: BenchStack): Promise<void> {
  const { file } = stack;
  const cores = layOutCores();
  stack.pinInfrastructure(cores, { gatewaysToo: true });
  const config = configSchema.parse({
    kafka: { brokers: [...file.kafka.brokers] },
    registry: { url: file.registry.url },
  });
  const log = await openLog(file.kafka.brokers);
  const codec = await openCodec(config, silentLog);
  const setting = { rooms: Number(options.rooms), payloadBytes: Number(options.payload), events };
  const filling = performance.now();
  await fill({ log, codec, topics: file.topics, partitions: file.partitions, ...setting });
  await log.close();
  process.stderr.write(`${events} events sequenced after ${Math.round(performance.now() - filling)} ms\n`);
  for (const { pid } of [...file.sequencers, ...file.gateways]) process.kill(pid, 'SIGTERM');

  const readerCores = cores === null ? undefined : [cores.server, ...cores.clients].join(',');
  const reader = {
    stack: file,
    stateDir: stack.stateDir,
    events,
    cores: readerCores,
    profileDir: options.profile ?? null,
  };
  const brokerCores = cores === null ? cpus().length : 1;
  const play = async (side: Side): Promise<Round> => {
    const stolenShare = startStealMeter();
    const meter = startCpuMeter(Object.fromEntries(file.kafka.pids.map((pid) => [`${pid}`, pid])));
    const reading = await SIDES[side].read(reader);
    const stolen = stolenShare();
    const brokers = Object.values(meter()).reduce((sum, share) => sum + share, 0) / brokerCores;
    const one = { ...reading, brokers: round(brokers), stolen, void: voidReasons({ brokers, stolen }) };
    process.stderr.write(
      `${side}: ${Math.round(one.eventsPerSecond)} events/s, ${Math.round(one.eventsPerCpuSecond)} per CPU-second, broker ${Math.round(brokers * 100)} %${one.void.length > 0 ? `, VOID: ${one.void.join(', ')}` : ''}\n`,
    );
    return one;
  };
  const played = await playInTurn({ sides, repeats, play, isVoid: (one) => one.void.length > 0 });
  report(played, await kafkaVersion(), {
    ...setting,
    partitions: file.partitions,
    brokers: 1,
    readerCores: readerCores ?? 'all',
  });
}

function report(
  played: ReadonlyMap<Side, Played<Round>>,
  kafka: string,
  settings: Readonly<Record<string, unknown>>,
): void {
  const rowsOf = (side: Side, metric: string, pick: (one: Round) => number, unit = 'events/s'): BenchRow =>
    rowOf({ case: SIDES[side].case, side: SIDES[side].side, metric, unit }, (played.get(side)?.valid ?? []).map(pick));
  const speeds = sides.map((side) => rowsOf(side, 'read from the log', (one) => one.eventsPerSecond));
  const whole = sides.map((side) => rowsOf(side, 'whole process', (one) => one.wholeProcessMs, 'ms'));
  const efficiency = sides.map((side) => rowsOf(side, 'read per CPU-second', (one) => one.eventsPerCpuSecond));
  const of = (side: Side) => speeds[sides.indexOf(side)]?.median ?? Number.NaN;
  const goal = (what: string, value: number) => ({
    figure: 'P9' as const,
    what,
    value: round(value),
    unit: '×',
    atLeast: GOAL,
  });
  writeResult(options.out, {
    bench: 'verify',
    figure: 'P9',
    command: `scripts/bench verify --events ${events} --rooms ${options.rooms} --payload ${options.payload} --repeats ${repeats}${options.sides === DEFAULT_SIDES ? '' : ` --sides '${options.sides}'`}`,
    versions: { 'Apache Kafka': kafka },
    settings,
    ...countRounds(played.values()),
    rows: [...speeds, ...efficiency, ...whole],
    goals: [
      goal('replay to kafka-consumer-perf-test', of('replay') / of('perf-test outbound')),
      goal('verify to kafka-consumer-perf-test on the same two topics', of('verify') / of('perf-test both')),
    ],
    notes: [
      'Ours is the built package, as it is installed and as the image has it; from the sources of a checkout each thread strips their types first.',
      'Events are those of outbound; verify reads their inbound records too, and so does the tool that it is compared with.',
      'The tool decodes nothing and writes nothing; its start and its rebalance are not counted, as it says itself. Neither is the start of ours up to its configuration; that of its threads is.',
      'Replay folds, merges the partitions by time and writes JSON lines; verify folds and compares every field of every record with what was asked.',
    ],
    plots: [{ metric: 'read from the log', as: 'bars', title: 'Reading the log (P9)' }],
    detail: Object.fromEntries(played),
  });
}
