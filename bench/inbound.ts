/**
 * P5: publishes that are acked, per CPU-second of the gateway, against the best loop without us (`ws`, parse, produce with acks=all, read back, one write
 * of acks per connection and fetch) on the same brokers, in turn.
 *
 *   scripts/bench inbound [--rates 6000] [--seconds 8] [--repeats 3] [--connections 200] [--payload 200] [--encodings json,avro]
 *                         [--sides roomlog,ws] [--profile DIR] [--quick]
 *
 * Starts a stack of its own. One core for the server, two for broker and sequencer, one for the load, where there are four. Both sides get the same
 * rate; one round before them warms sequencer and broker up; a round in which the load's core or the brokers' were over 90 % busy, or the hypervisor took over 8 % of all, is void.
 */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import '../adapters/kafka/kafkajs-timers.ts';
import { ROOT } from '../scripts/stack/root.ts';
import { ENCODINGS, type Encoding, type LoadJob, type LoadResult, type PeerJob } from './inbound/messages.ts';
import { median, round } from './support/latency.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { pin } from './support/pin.ts';
import { type BenchGoal, type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, type Played, playInTurn, voidReasons } from './support/rounds.ts';
import { NODE_SERVERS_NOTE, type ServerProcess, startGateway, startProgram } from './support/server-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const { values: options } = benchOptions({
  options: {
    rates: { type: 'string', default: '6000' },
    seconds: { type: 'string', default: '8' },
    'warm-up': { type: 'string', default: '5' },
    repeats: { type: 'string', default: '3' },
    connections: { type: 'string', default: '200' },
    payload: { type: 'string', default: '200' },
    encodings: { type: 'string', default: ENCODINGS.join(',') },
    sides: { type: 'string', default: 'roomlog,ws' },
    profile: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'port-base': { type: 'string', default: '26100' },
    out: { type: 'string', default: 'inbound' },
  },
});
const quick = options.quick;
const seconds = quick ? 5 : Number(options.seconds);
const warmUpSeconds = quick ? 3 : Number(options['warm-up']);
const repeats = quick ? 1 : Number(options.repeats);
const rates = options.rates.split(',').map(Number);
const encodings = options.encodings.split(',') as Encoding[];
const sides = options.sides.split(',') as Side[];
const SERVER_PORT = Number(options['port-base']) + 90;
const PEER_TOPIC = 'bench.inbound.peer';
/** Where there are four cores. */
const CORES = cpus().length >= 4 ? { server: '0', brokers: '1,2', load: '3' } : null;
/** At least this share of the peer's. */
const GOAL = 0.8;

/** The second one is a gateway on the other Kafka client: only where asked for, see ADR 0019. */
const ROOMLOGS = { roomlog: 'kafkajs', 'roomlog on platformatic': 'platformatic' } as const;
type Side = keyof typeof ROOMLOGS | 'ws';

interface Round extends LoadResult {
  readonly side: Side;
  readonly encoding: Encoding;
  readonly perSecond: number;
  readonly ackedPerCpuSecond: number;
  readonly void: readonly string[];
}

const startServer = (stack: BenchStack, side: Side, encoding: Encoding): Promise<ServerProcess> => {
  const profileDir = options.profile ?? null;
  const { kafka, partitions, gateways } = stack.file;
  if (side !== 'ws') {
    const config = stack.configOf(gateways[0]?.name ?? '');
    return startGateway({
      config,
      name: 'bench-inbound',
      port: SERVER_PORT,
      cores: CORES?.server,
      profileDir,
      args: ['--kafka-client', ROOMLOGS[side]],
    });
  }
  const job: PeerJob = { port: SERVER_PORT, encoding, brokers: kafka.brokers, topic: PEER_TOPIC, partitions };
  return startProgram({
    file: 'inbound/peer.ts',
    job,
    url: `ws://127.0.0.1:${SERVER_PORT}/`,
    cores: CORES?.server,
    profileDir,
  });
};

async function playRound(stack: BenchStack, side: Side, encoding: Encoding, perSecond: number): Promise<Round> {
  const server = await startServer(stack, side, encoding);
  try {
    const { kafka, sequencers } = stack.file;
    const job: LoadJob = {
      url: server.url,
      token: side === 'ws' ? null : stack.token(),
      encoding,
      connections: Number(options.connections),
      perSecond,
      warmUpSeconds,
      seconds,
      payloadBytes: Number(options.payload),
      serverPid: server.pid,
      brokerPids: [...kafka.pids, ...sequencers.map(({ pid }) => pid)],
      brokerCores: CORES === null ? cpus().length : 2,
    };
    const running = promisify(execFile)(process.execPath, [join(ROOT, 'bench/inbound/load.ts'), JSON.stringify(job)], {
      maxBuffer: 1 << 24,
      timeout: (warmUpSeconds + seconds + 60) * 1_000,
    });
    pin(running.child.pid as number, CORES?.load);
    const result = JSON.parse((await running).stdout) as LoadResult;
    const ackedPerCpuSecond = Math.round(result.acked / result.serverCpuSeconds);
    const faults = [...(result.unanswered > 0 ? [`${result.unanswered} unanswered`] : []), ...result.errors];
    const one = { ...result, side, encoding, perSecond, ackedPerCpuSecond, void: [...voidReasons(result), ...faults] };
    tell(one);
    return one;
  } finally {
    await server.stop();
  }
}

function tell({ side, encoding, perSecond, ackedPerCpuSecond, acked, ackedMs, ...one }: Round): void {
  const percent = (share: number) => `${Math.round(share * 100)} %`;
  const server = one.serverCpuSeconds / one.seconds;
  process.stderr.write(
    `${side} ${encoding} at ${perSecond}/s: ${ackedPerCpuSecond} acked per CPU-second (${Math.round(acked / one.seconds)}/s), p50 ${ackedMs.p50} ms, p99 ${ackedMs.p99} ms, server ${percent(server)}, load ${percent(one.load)}, brokers and sequencer ${percent(one.brokers)}, stolen ${percent(one.stolen)}${one.void.length > 0 ? `, VOID: ${one.void.join('; ')}` : ''}\n`,
  );
}

const caseOf = (encoding: Encoding, perSecond: number): string =>
  `${encoding === 'json' ? 'JSON' : 'Avro'}, ${perSecond.toLocaleString('en-US')} publishes/s`;

await withStack({ portBase: Number(options['port-base']) }, async (stack) => {
  stack.pinInfrastructure(
    CORES === null ? null : { server: CORES.server, infrastructure: CORES.brokers, clients: [CORES.load] },
    { gatewaysToo: true },
  );
  const { brokers } = stack.file.kafka;
  const admin = new Kafka({ clientId: 'bench', brokers: [...brokers], logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: PEER_TOPIC, numPartitions: stack.file.partitions }] });
  await admin.disconnect();

  // A sequencer and a broker that have just started are slow, which would be held against whoever comes first.
  await playRound(stack, 'roomlog', encodings[0] ?? 'json', Math.max(...rates));
  const rows: BenchRow[] = [];
  const goals: BenchGoal[] = [];
  const all: Played<Round>[] = [];
  for (const encoding of encodings) {
    for (const perSecond of rates) {
      const played = await playInTurn<Side, Round>({
        sides,
        repeats,
        play: (side) => playRound(stack, side, encoding, perSecond),
        isVoid: (one) => one.void.length > 0,
      });
      all.push(...played.values());
      const medians = new Map<Side, number>();
      for (const [side, { valid }] of played) {
        if (valid.length === 0) continue;
        const about = { case: caseOf(encoding, perSecond), side: side === 'ws' ? 'ws + produce + read-back' : side };
        const perCpu = valid.map((one) => one.ackedPerCpuSecond);
        medians.set(side, median(perCpu));
        rows.push(
          rowOf({ ...about, metric: 'acked publishes per CPU-second', unit: '1/s' }, perCpu),
          rowOf(
            { ...about, metric: 'p50 to ack', unit: 'ms' },
            valid.map((one) => one.ackedMs.p50),
          ),
          rowOf(
            { ...about, metric: 'p99 to ack', unit: 'ms' },
            valid.map((one) => one.ackedMs.p99),
          ),
        );
      }
      const [ours, theirs] = [medians.get('roomlog'), medians.get('ws')];
      if (ours === undefined || theirs === undefined) continue;
      const what = `acked publishes per CPU-second to the best loop without us, ${caseOf(encoding, perSecond)}`;
      goals.push({ figure: 'P5', what, value: round(ours / theirs), unit: '×', atLeast: GOAL });
    }
  }
  if (quick) {
    for (const { what, value } of goals) process.stderr.write(`${what}: ${value}\n`);
    return;
  }
  writeResult(options.out, {
    bench: 'inbound',
    figure: 'P5',
    command: `scripts/bench inbound --rates ${options.rates} --seconds ${seconds} --repeats ${repeats} --connections ${options.connections} --payload ${options.payload} --encodings ${options.encodings}${options.sides === 'roomlog,ws' ? '' : ` --sides '${options.sides}'`}`,
    versions: packageVersions('ws', 'kafkajs', '@platformatic/kafka'),
    settings: {
      connections: Number(options.connections),
      roomsPerConnection: 1,
      payloadBytes: Number(options.payload),
      partitions: stack.file.partitions,
      brokers: brokers.length,
      acks: 'all',
      cores: CORES,
      secondsMeasured: seconds,
    },
    ...countRounds(all),
    rows,
    goals,
    notes: [
      NODE_SERVERS_NOTE,
      'The loop without us gives none of the promises: no permissions, limits, numbers, de-duplication or order across retries, and it reads back its own records, not sequenced ones.',
      'It produces and reads through Roomlog’s own Kafka adapter, which is faster than a kafkajs producer and consumer.',
      'Publishes are numbered, to rooms that nobody has joined: deliveries are the matter of P1 and P2.',
    ],
    detail: all.flatMap(({ valid, void: thrownAway }) => [...valid, ...thrownAway]),
  });
});
