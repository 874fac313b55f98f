/**
 * Both Kafka clients under the same port, on the same broker, in one run (ADR 0019).
 *
 *   scripts/bench kafka-clients [--quick] [--repeats 3] [--seconds 6] [--port-base 22200] [--out kafka-clients]
 *
 * One process on a core of its own holds one log. Cases: 1,000 and 20,000 records/s appended as they come and tailed; a tail over records that
 * stand in the log; appends of 600 records one after the other. Latency counts from the moment a record is due; CPU is the process's
 * own. A round in which the broker was over 90 % busy or the hypervisor took over 8 % of the cores is void.
 */
import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createMissing } from '../adapters/kafka/topics.ts';
import { configSchema } from '../core/config/schema.ts';
import { silentLog } from '../core/ports/logger.ts';
import type { Job, KafkaClient, Measured } from './kafka-clients/job.ts';
import { startCpuMeter, startStealMeter } from './support/cpu.ts';
import { kafkaVersion } from './support/kafka-tools.ts';
import { benchOptions } from './support/options.ts';
import { packageVersions } from './support/package-versions.ts';
import { layOutCores, pin } from './support/pin.ts';
import { type BenchRow, rowOf, writeResult } from './support/result.ts';
import { countRounds, type Played, playInTurn, type Surroundings, voidReasons } from './support/rounds.ts';
import { withStack } from './support/stack.ts';

const SUBJECT = fileURLToPath(new URL('kafka-clients/subject.ts', import.meta.url));
const SIDES: readonly KafkaClient[] = ['kafkajs', 'platformatic'];
const PARTITIONS = 12;
const RECORD_BYTES = 200;
const RECORDS_PER_REQUEST = 600;
const WARM_UP_SECONDS = 3;
const ROUND_TIMEOUT_MS = 120_000;
const READ_RECORDS = 1_200_000;

const { values: options } = benchOptions({
  options: {
    quick: { type: 'boolean', default: false },
    repeats: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '6' },
    'port-base': { type: 'string', default: '22200' },
    out: { type: 'string', default: 'kafka-clients' },
  },
});
const repeats = options.quick ? 1 : Number(options.repeats);
const seconds = options.quick ? 3 : Number(options.seconds);
const readRecords = options.quick ? READ_RECORDS / 4 : READ_RECORDS;

interface Round extends Measured {
  readonly surroundings: Surroundings;
}
type Work = Pick<Job, 'work' | 'perSecond' | 'records' | 'warmUp' | 'recordsPerRequest'>;

const atRate = (perSecond: number): Work => ({
  ...{ work: 'rate', perSecond, records: perSecond * seconds, warmUp: perSecond * WARM_UP_SECONDS },
  recordsPerRequest: 0,
});
const CASES: ReadonlyArray<{ readonly name: string; readonly work: Work; readonly latency: boolean }> = [
  { name: 'appended and tailed, 1,000 records/s', work: atRate(1_000), latency: true },
  { name: 'appended and tailed, 20,000 records/s', work: atRate(20_000), latency: true },
  {
    name: 'tail over what is there',
    work: { work: 'read', perSecond: 0, records: readRecords * 0.8, warmUp: readRecords * 0.2, recordsPerRequest: 0 },
    latency: false,
  },
  {
    name: `append, ${RECORDS_PER_REQUEST} records a request, one after the other`,
    work: {
      ...{ work: 'append', perSecond: 0, records: readRecords * 0.4, warmUp: readRecords * 0.1 },
      recordsPerRequest: RECORDS_PER_REQUEST,
    },
    latency: false,
  },
];

await withStack({ portBase: Number(options['port-base']), up: ['--infra-only'] }, async (stack) => {
  const cores = layOutCores();
  const { brokers, pids } = stack.file.kafka;
  const elsewhere = cores === null ? undefined : [cores.infrastructure, ...cores.clients].join(',');
  const brokerCores = elsewhere?.split(',').length ?? cpus().length;
  for (const pid of pids) pin(pid, elsewhere);
  const { kafka } = configSchema.parse({ kafka: { brokers: [...brokers] } });
  let topics = 0;
  const newTopic = async (): Promise<string> => {
    const topic = `bench.clients.${++topics}`;
    const configs = { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': '2097152' };
    await createMissing(kafka, [{ topic, partitions: PARTITIONS, configs }], 1, silentLog);
    return topic;
  };
  const job = { brokers, partitions: PARTITIONS, recordBytes: RECORD_BYTES };
  const run = async (about: Omit<Job, keyof typeof job>): Promise<Measured> => {
    const command = [SUBJECT, JSON.stringify({ ...job, ...about } satisfies Job)];
    const [program = '', ...args] =
      cores === null ? [process.execPath, ...command] : ['taskset', '-c', cores.server, process.execPath, ...command];
    const { stdout } = await promisify(execFile)(program, args, { timeout: ROUND_TIMEOUT_MS });
    return JSON.parse(stdout) as Measured;
  };
  const filled = await newTopic();
  const fill: Work = {
    ...{ work: 'append', perSecond: 0, records: readRecords, warmUp: 0 },
    recordsPerRequest: RECORDS_PER_REQUEST,
  };
  await run({ client: 'kafkajs', topic: filled, ...fill });

  const play = async (client: KafkaClient, name: string, work: Work): Promise<Round> => {
    const topic = work.work === 'read' ? filled : await newTopic();
    const readCpu = startCpuMeter(Object.fromEntries(pids.map((pid) => [`${pid}`, pid])));
    const readSteal = startStealMeter();
    const measured = await run({ client, topic, ...work });
    const busy = Object.values(readCpu()).reduce((sum, share) => sum + share, 0);
    const surroundings = { brokers: busy / brokerCores, stolen: readSteal() };
    const reasons = voidReasons(surroundings);
    const { recordsPerSecond, cpuPerRecordUs, delivered } = measured;
    const latency = delivered === null ? '' : `, delivered p50 ${delivered.p50} p99 ${delivered.p99} ms`;
    const verdict = reasons.length > 0 ? ` VOID: ${reasons.join(', ')}` : '';
    process.stderr.write(
      `${name}, ${client}: ${Math.round(recordsPerSecond)} records/s, ${cpuPerRecordUs.toFixed(2)} µs CPU each${latency}${verdict}\n`,
    );
    return { ...measured, surroundings };
  };

  const rows: BenchRow[] = [];
  const played: Played<Round>[] = [];
  const started = new Map<KafkaClient, Round[]>(SIDES.map((side) => [side, []]));
  const detail: Record<string, unknown> = {};
  for (const { name, work, latency } of CASES) {
    const rounds = await playInTurn<KafkaClient, Round>({
      sides: SIDES,
      repeats,
      play: (side) => play(side, name, work),
      isVoid: ({ surroundings }) => voidReasons(surroundings).length > 0,
    });
    const add = (metric: string, unit: string, pick: (round: Round) => number) => {
      for (const [side, { valid }] of rounds) rows.push(rowOf({ case: name, side, metric, unit }, valid.map(pick)));
    };
    if (latency) {
      add('p50 due → delivered', 'ms', ({ delivered }) => delivered?.p50 ?? Number.NaN);
      add('p99 due → delivered', 'ms', ({ delivered }) => delivered?.p99 ?? Number.NaN);
      add('p50 due → acked', 'ms', ({ acked }) => acked?.p50 ?? Number.NaN);
      add('p99 due → acked', 'ms', ({ acked }) => acked?.p99 ?? Number.NaN);
    } else add('records', 'records/s', ({ recordsPerSecond }) => recordsPerSecond);
    add('CPU a record', 'µs', ({ cpuPerRecordUs }) => cpuPerRecordUs);
    for (const [side, one] of rounds) started.get(side)?.push(...one.valid);
    played.push(...rounds.values());
    detail[name] = Object.fromEntries(rounds);
  }
  for (const [side, rounds] of started) {
    const about = { case: 'process', side };
    rows.push(
      rowOf(
        { ...about, metric: 'import and first answer', unit: 'ms' },
        rounds.map(({ openedMs }) => openedMs),
      ),
    );
    const ofRates = rounds.filter(({ acked }) => acked !== null);
    rows.push(
      rowOf(
        { ...about, metric: 'resident memory at rates', unit: 'MiB' },
        ofRates.map(({ rssBytes }) => rssBytes / 2 ** 20),
      ),
    );
  }
  writeResult(options.out, {
    bench: 'kafka-clients',
    figure: 'ADR 0019',
    command: `scripts/bench kafka-clients --repeats ${repeats} --seconds ${seconds}`,
    versions: { ...packageVersions('kafkajs', '@platformatic/kafka'), 'Apache Kafka': await kafkaVersion() },
    settings: {
      ...{
        partitions: PARTITIONS,
        brokers: brokers.length,
        acks: 'all',
        recordBytes: RECORD_BYTES,
        secondsMeasured: seconds,
      },
      pinned: cores === null ? 'no' : `process under test on core ${cores.server}, brokers on ${elsewhere}`,
    },
    ...countRounds(played),
    rows,
    goals: [],
    notes: [
      'Both sides are Roomlog’s own log: the same batches, codecs, tails and judgements over two libraries that carry the bytes. Each round is a process of its own.',
    ],
    detail,
  });
});
