/**
 * P3: publish → delivered, against a bare produce → consume → produce → consume loop on the same brokers in the same run.
 *
 *   scripts/bench publish-delivered [--rate 1000] [--seconds 20] [--repeats 3] [--rooms 50] [--members 10] [--payload 200]
 *
 * Starts a local stack of its own (a temporary state folder), runs Roomlog, the usual kafkajs group loop and the best loop there is (raw, no
 * group) in turn, `repeats` times, and writes medians, ranges and ratios to bench/results/publish-delivered.json. A round in
 * which the load process used more than 90 % of a core, the brokers more than 90 % of all cores, or the hypervisor took more than 8 % of
 * the cores away, is void: repeated (up to twelve times as many rounds) and counted.
 */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import '../adapters/kafka/kafkajs-timers.ts';
import type { LoadJob, LoadResult, LoopJob, RoomsJob } from './load/messages.ts';
import { startCpuMeter, startStealMeter } from './support/cpu.ts';
import { median, round } from './support/latency.ts';
import { describeMachine } from './support/machine.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const WARM_UP_SECONDS = 5;
const BUSY = 0.9;
/** Above this share of the cores taken away by the hypervisor, a round says more about the neighbours than about us. */
const STOLEN = 0.08;
/** Rounds tried for each one asked for, since void ones are repeated. */
const TRIES = 12;

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string', default: '20' },
    repeats: { type: 'string', default: '3' },
    rooms: { type: 'string', default: '50' },
    members: { type: 'string', default: '10' },
    payload: { type: 'string', default: '200' },
    'port-base': { type: 'string', default: '17400' },
    out: { type: 'string', default: 'publish-delivered' },
  },
});
const rate = Number(options.rate);
const seconds = Number(options.seconds);

interface Stack {
  readonly partitions: number;
  readonly gateways: readonly { readonly name: string; readonly ws: string; readonly pid: number }[];
  readonly sequencers: readonly { readonly name: string; readonly pid: number }[];
  readonly kafka: { readonly brokers: readonly string[]; readonly pids: readonly number[] };
}

interface Round extends LoadResult {
  readonly contender: string;
  readonly cpu: Readonly<Record<string, number>>;
  /** Share of all cores that the hypervisor took away. */
  readonly stolen: number;
  readonly void: boolean;
}

const runLoad = async (file: string, job: LoadJob): Promise<LoadResult> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(root, 'bench/load', file), JSON.stringify(job)],
    { maxBuffer: 1 << 24, timeout: (WARM_UP_SECONDS + seconds + 120) * 1000 },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as LoadResult;
};

async function measureRound(contender: string, stack: Stack, load: () => Promise<LoadResult>): Promise<Round> {
  const pids: Record<string, number> = {};
  stack.kafka.pids.forEach((pid, index) => {
    pids[`kafka-${index + 1}`] = pid;
  });
  for (const { name, pid } of [...stack.gateways, ...stack.sequencers]) pids[name] = pid;
  const read = startCpuMeter(pids);
  const stolenShare = startStealMeter();
  const result = await load();
  const cpu = read();
  const stolen = stolenShare();
  const brokers = Object.entries(cpu).reduce((sum, [name, share]) => sum + (name.startsWith('kafka') ? share : 0), 0);
  const outcome = {
    ...result,
    contender,
    cpu,
    stolen,
    void: result.loadCpu > BUSY || brokers > BUSY * cpus().length || stolen > STOLEN,
  };
  const { p50, p99 } = result.delivered;
  process.stderr.write(
    `${contender}: p50 ${p50} ms, p99 ${p99} ms, lost ${result.lost}, load process ${Math.round(result.loadCpu * 100)} % of a core, stolen ${Math.round(stolen * 100)} %${outcome.void ? ', VOID' : ''}\n`,
  );
  return outcome;
}

function figures(rounds: readonly Round[]) {
  const valid = rounds.filter((one) => !one.void);
  const of = (pick: (one: Round) => number) => {
    const all = valid.map(pick);
    return { median: median(all), min: Math.min(...all), max: Math.max(...all) };
  };
  return {
    rounds: valid.length,
    void: rounds.length - valid.length,
    lost: rounds.reduce((sum, one) => sum + one.lost, 0),
    deliveredP50Ms: of((one) => one.delivered.p50),
    deliveredP99Ms: of((one) => one.delivered.p99),
    ...(valid[0]?.acked === undefined
      ? {}
      : {
          ackedP50Ms: of((one) => one.acked?.p50 ?? Number.NaN),
          ackedP99Ms: of((one) => one.acked?.p99 ?? Number.NaN),
        }),
  };
}

const stateDir = mkdtempSync(join(tmpdir(), 'roomlog-bench-'));
const script = (name: string, ...args: string[]) =>
  execFileSync(join(root, 'scripts', name), [...args, '--state-dir', stateDir], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });

try {
  script('up', '--detach', '--port-base', options['port-base']);
  const stack = JSON.parse(readFileSync(join(stateDir, 'stack.json'), 'utf8')) as Stack;
  const token = execFileSync(
    join(root, 'roomlog'),
    ['token', '--state-dir', stateDir, '--user', 'bench', '--room', 'bench/**', '--ttl', '2h'],
    { encoding: 'utf8' },
  ).trim();
  const base: LoadJob = {
    brokers: stack.kafka.brokers,
    partitions: stack.partitions,
    perSecond: rate,
    warmUpEvents: rate * WARM_UP_SECONDS,
    events: rate * seconds,
    payloadBytes: Number(options.payload),
  };
  const rooms: RoomsJob = {
    ...base,
    urls: stack.gateways.map(({ ws }) => ws),
    token,
    rooms: Number(options.rooms),
    membersPerRoom: Number(options.members),
  };
  const loop = (kind: LoopJob['loop']): LoopJob => ({
    ...base,
    loop: kind,
    from: 'bench.bare.in',
    to: 'bench.bare.out',
  });
  const admin = new Kafka({ clientId: 'bench', brokers: [...stack.kafka.brokers], logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  await admin.createTopics({
    topics: ['bench.bare.in', 'bench.bare.out'].map((topic) => ({ topic, numPartitions: stack.partitions })),
  });
  await admin.disconnect();

  const rounds: Round[] = [];
  const contestants = [
    { name: 'roomlog', load: () => runLoad('rooms.ts', rooms) },
    { name: 'group loop', load: () => runLoad('bare-loop.ts', loop('group')) },
    { name: 'raw loop', load: () => runLoad('bare-loop.ts', loop('raw')) },
  ];
  const repeats = Number(options.repeats);
  const valid = (name: string) => rounds.filter((one) => one.contender === name && !one.void).length;
  for (let turn = 1; turn <= repeats * TRIES; turn++) {
    for (const { name, load } of contestants) {
      if (valid(name) < Math.min(turn, repeats)) rounds.push(await measureRound(name, stack, load));
    }
    if (contestants.every(({ name }) => valid(name) >= repeats)) break;
  }
  for (const { name } of contestants) {
    if (valid(name) < repeats) process.stderr.write(`only ${valid(name)} of ${repeats} rounds of ${name} count\n`);
  }

  const by = (contender: string) => figures(rounds.filter((one) => one.contender === contender));
  const contenders = { roomlog: by('roomlog'), groupLoop: by('group loop'), rawLoop: by('raw loop') };
  const ratio = (other: { deliveredP50Ms: { median: number }; deliveredP99Ms: { median: number } }) => ({
    p50: round(contenders.roomlog.deliveredP50Ms.median / other.deliveredP50Ms.median),
    p99: round(contenders.roomlog.deliveredP99Ms.median / other.deliveredP99Ms.median),
  });
  const result = {
    bench: 'publish-delivered',
    command: `scripts/bench publish-delivered --rate ${rate} --seconds ${seconds} --repeats ${options.repeats} --rooms ${options.rooms} --members ${options.members} --payload ${options.payload}`,
    machine: describeMachine(),
    setting: {
      eventsPerSecond: rate,
      rooms: rooms.rooms,
      membersPerRoom: rooms.membersPerRoom,
      payloadBytes: base.payloadBytes,
      partitions: stack.partitions,
      brokers: stack.kafka.brokers.length,
      gateways: stack.gateways.length,
      sequencers: stack.sequencers.length,
      secondsMeasured: seconds,
    },
    contenders,
    ratios: { roomlogToGroupLoop: ratio(contenders.groupLoop), roomlogToRawLoop: ratio(contenders.rawLoop) },
    rounds,
  };
  const file = join(root, 'bench/results', `${options.out}.json`);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  process.stderr.write(`ratios: ${JSON.stringify(result.ratios)}\nwritten to bench/results/${options.out}.json\n`);
} finally {
  script('down');
  rmSync(stateDir, { recursive: true, force: true });
}
