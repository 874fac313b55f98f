/**
 * P3 on both Kafka clients (ADR 0019): publish → delivered, gateway and sequencer on the one client or on the other, in turn, on the same broker.
 *
 *   scripts/bench kafka-clients-delivered [--rates 1000,5000] [--seconds 6] [--repeats 3] [--quick]
 *
 * Each client has a gateway and a sequencer of its own, on topics of their own, all the time; only one pair is used at a time. CPU is theirs, over
 * warm-up and measured seconds alike. All processes share all cores.
 */
import { cpus } from 'node:os';
import { configSchema } from '../core/config/schema.ts';
import { prepareStream } from '../scripts/stack/prepare-stream.ts';
import type { KafkaClient } from './kafka-clients/job.ts';
import type { LoadResult, RoomsJob } from './load/messages.ts';
import { runLoad } from './load/run.ts';
import { cpuSeconds, startCpuMeter, startStealMeter } from './support/cpu.ts';
import { kafkaVersion } from './support/kafka-tools.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, type Played, playInTurn, voidReasons } from './support/rounds.ts';
import { SequencerProcess } from './support/sequencer-process.ts';
import { type ServerProcess, startGateway } from './support/server-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const SIDES: readonly KafkaClient[] = ['kafkajs', 'platformatic'];
const PREFIX = 'bench-clients';
const WARM_UP_SECONDS = 2;
const ROOMS = 50;
const MEMBERS = 10;
/** At the higher rate fewer, so that the load process keeps up with what it receives. */
const MEMBERS_WHEN_FAST = 2;
const FAST_PER_SECOND = 2_000;
const PAYLOAD_BYTES = 200;

const { values: options } = benchOptions({
  options: {
    rates: { type: 'string', default: '1000,5000' },
    seconds: { type: 'string', default: '6' },
    repeats: { type: 'string', default: '3' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '22400' },
    out: { type: 'string', default: 'kafka-clients-delivered' },
  },
});
const seconds = options.quick ? 3 : Number(options.seconds);
const repeats = options.quick ? 1 : Number(options.repeats);
const portBase = Number(options['port-base']);
const membersAt = (perSecond: number): number => (perSecond > FAST_PER_SECOND ? MEMBERS_WHEN_FAST : MEMBERS);

interface Round extends LoadResult {
  /** Per event, µs. */
  readonly gatewayUs: number;
  readonly sequencerUs: number;
  readonly reasons: readonly string[];
}

interface Pair {
  readonly gateway: ServerProcess;
  readonly sequencer: SequencerProcess;
}

/** On topics of their own, for all rounds of their side. */
async function startPair(stack: BenchStack, client: KafkaClient): Promise<Pair> {
  const { kafka, registry, gateways, partitions } = stack.file;
  const prefix = `${PREFIX}-${client}`;
  const port = portBase + 40 + 4 * SIDES.indexOf(client);
  const stream = { prefix, partitions, replicationFactor: 1, minInsyncReplicas: 1 };
  const given = { stream, kafka: { brokers: [...kafka.brokers] }, registry: { url: registry.url } };
  await prepareStream(configSchema.parse(given), () => {});
  const env = {
    ROOMLOG_STREAM_PREFIX: prefix,
    ROOMLOG_STREAM_PARTITIONS: `${partitions}`,
    ROOMLOG_KAFKA_CLIENT: client,
    ROOMLOG_KAFKA_BROKERS: kafka.brokers.join(','),
    ROOMLOG_REGISTRY_URL: registry.url,
    ROOMLOG_LOG_LEVEL: 'warn',
  };
  const name = `bench-${client}`;
  const sequencer = new SequencerProcess(name, port + 2, env, `${stack.stateDir}/${name}.log`);
  sequencer.start();
  stack.atEnd(() => sequencer.end('SIGTERM'));
  await sequencer.working(partitions);
  const gateway = await startGateway({
    ...{ config: stack.configOf(gateways[0]?.name ?? ''), name, port },
    args: ['--stream-prefix', prefix, '--kafka-client', client],
  });
  stack.atEnd(() => gateway.stop());
  return { gateway, sequencer };
}

async function play(
  stack: BenchStack,
  client: KafkaClient,
  { gateway, sequencer }: Pair,
  perSecond: number,
): Promise<Round> {
  const { kafka, partitions } = stack.file;
  const job: RoomsJob = {
    brokers: kafka.brokers,
    partitions,
    perSecond,
    warmUpEvents: perSecond * WARM_UP_SECONDS,
    events: perSecond * seconds,
    payloadBytes: PAYLOAD_BYTES,
    urls: [gateway.url],
    token: stack.token(),
    rooms: ROOMS,
    membersPerRoom: membersAt(perSecond),
  };
  const readBrokers = startCpuMeter(Object.fromEntries(kafka.pids.map((pid) => [`${pid}`, pid])));
  const readSteal = startStealMeter();
  const before = [cpuSeconds(gateway.pid), cpuSeconds(sequencer.pid)] as const;
  const result = await runLoad('rooms.ts', job, WARM_UP_SECONDS + seconds);
  const perEvent = (pid: number, then: number) => ((cpuSeconds(pid) - then) * 1e6) / (job.warmUpEvents + job.events);
  const brokers = Object.values(readBrokers()).reduce((sum, share) => sum + share, 0) / cpus().length;
  const reasons = voidReasons({ load: result.loadCpu, brokers, stolen: readSteal() });
  if (result.lost > 0) reasons.push(`${result.lost} lost`);
  const gatewayUs = perEvent(gateway.pid, before[0]);
  const sequencerUs = perEvent(sequencer.pid, before[1]);
  process.stderr.write(
    `${perSecond}/s on ${client}: p50 ${result.delivered.p50} ms, p99 ${result.delivered.p99} ms, gateway ${gatewayUs.toFixed(0)} µs, sequencer ${sequencerUs.toFixed(0)} µs an event, load ${Math.round(result.loadCpu * 100)} %${reasons.length > 0 ? ` VOID: ${reasons.join(', ')}` : ''}\n`,
  );
  return { ...result, gatewayUs, sequencerUs, reasons };
}

await withStack({ portBase }, async (stack) => {
  const { kafka, partitions } = stack.file;
  const pairs = {
    kafkajs: await startPair(stack, 'kafkajs'),
    platformatic: await startPair(stack, 'platformatic'),
  };
  const rows: BenchRow[] = [];
  const all: Played<Round>[] = [];
  const detail: Record<string, unknown> = {};
  for (const perSecond of options.rates.split(',').map(Number)) {
    const name = `${perSecond.toLocaleString('en-US')} events/s, ${membersAt(perSecond)} members a room`;
    // The first round compiles the code.
    for (const side of SIDES) await play(stack, side, pairs[side], perSecond);
    const played = await playInTurn<KafkaClient, Round>({
      sides: SIDES,
      repeats,
      play: (side) => play(stack, side, pairs[side], perSecond),
      isVoid: ({ reasons }) => reasons.length > 0,
    });
    const add = (metric: string, unit: string, pick: (round: Round) => number) => {
      for (const [side, { valid }] of played) rows.push(rowOf({ case: name, side, metric, unit }, valid.map(pick)));
    };
    add('p50 publish → delivered', 'ms', ({ delivered }) => delivered.p50);
    add('p99 publish → delivered', 'ms', ({ delivered }) => delivered.p99);
    add('CPU of the gateway an event', 'µs', ({ gatewayUs }) => gatewayUs);
    add('CPU of the sequencer an event', 'µs', ({ sequencerUs }) => sequencerUs);
    all.push(...played.values());
    detail[name] = Object.fromEntries(played);
  }
  writeResult(options.out, {
    bench: 'kafka-clients-delivered',
    figure: 'ADR 0019',
    command: `scripts/bench kafka-clients-delivered --rates ${options.rates} --seconds ${seconds} --repeats ${repeats}`,
    versions: { ...packageVersions('kafkajs', '@platformatic/kafka'), 'Apache Kafka': await kafkaVersion() },
    settings: {
      ...{
        rooms: ROOMS,
        payloadBytes: PAYLOAD_BYTES,
        partitions,
        brokers: kafka.brokers.length,
        gateways: 1,
        sequencers: 1,
      },
      ...{ secondsMeasured: seconds, warmUpSeconds: WARM_UP_SECONDS },
    },
    ...countRounds(all),
    rows,
    goals: [],
    notes: [
      'Gateway and sequencer both run on the named client. Nothing else differs. One round of each side before each case is left out.',
    ],
    detail,
  });
});
