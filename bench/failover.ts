/**
 * Takeover times on three real brokers under load: sequencers are killed, stopped, brought back and churned, in turn.
 *
 *   scripts/bench failover [--runs 20] [--rate 600] [--sequencers 3] [--partitions 12] [--churn-seconds 40]
 *
 * Starts a local stack of three brokers of its own and as many sequencers, publishes over all partitions without pause, and reads outbound as any
 * consumer that folds. For every run: which partitions the sequencer had, and for each of them the time from the signal to the
 * first event that its next owner sequenced (`takeover`); for the partitions of the others the longest time that an event took
 * meanwhile (`kept`: their longest pause); and the claims that were read (one for each partition that moved, where nobody duels).
 * Writes bench/results/failover.json.
 */
import { mkdirSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openCodec } from '../adapters/registry/open-codec.ts';
import { configSchema } from '../core/config/schema.ts';
import { topicsOf } from '../core/names.ts';
import { silentLog } from '../core/ports/logger.ts';
import { prepareStream } from '../scripts/stack/prepare-stream.ts';
import { measure, type Run } from './failover/measure.ts';
import { Load } from './failover/sequenced.ts';
import { startStealMeter } from './support/cpu.ts';
import { summarise } from './support/latency.ts';
import { openLog } from './support/open-log.ts';
import { benchOptions } from './support/options.ts';
import { type BenchGoal, type BenchRow, rowOf, writeResult } from './support/result.ts';
import { SequencerProcess } from './support/sequencer-process.ts';
import { type BenchStack, withStack } from './support/stack.ts';

const WARM_UP_MS = 5_000;
const DRAIN_MS = 15_000;
/** So long after a member has come or gone the next change begins, while they are churned. */
const CHURN_EVERY_MS = 2_000;
const GOALS = { killedMs: 8_000, stoppedMs: 1_000, keptPauseMs: 500 };

const { values: options } = benchOptions({
  options: {
    runs: { type: 'string', default: '20' },
    rate: { type: 'string', default: '600' },
    sequencers: { type: 'string', default: '3' },
    partitions: { type: 'string', default: '12' },
    'churn-seconds': { type: 'string', default: '40' },
    'port-base': { type: 'string', default: '17600' },
    out: { type: 'string', default: 'failover' },
  },
});
const [runs, rate, count, partitions] = [options.runs, options.rate, options.sequencers, options.partitions].map(
  Number,
) as [number, number, number, number];

const say = (line: string) => void process.stderr.write(`${line}\n`);
const sequencers: SequencerProcess[] = [];

await withStack({ portBase: Number(options['port-base']), up: ['--infra-only', '--brokers', '3'] }, bench);

async function bench(own: BenchStack): Promise<void> {
  const stack = own.file;
  own.atEnd(() => Promise.all(sequencers.map((one) => one.end('SIGKILL'))));
  const config = configSchema.parse({
    stream: { prefix: 'failover', partitions, replicationFactor: 3, minInsyncReplicas: 2 },
    kafka: { brokers: [...stack.kafka.brokers] },
    registry: { url: stack.registry.url },
  });
  await prepareStream(config, say);
  const env = {
    ROOMLOG_STREAM_PREFIX: config.stream.prefix,
    ROOMLOG_STREAM_PARTITIONS: `${partitions}`,
    ROOMLOG_KAFKA_BROKERS: config.kafka.brokers.join(','),
    ROOMLOG_REGISTRY_URL: config.registry.url,
  };
  const logs = join(own.stateDir, 'sequencers');
  mkdirSync(logs);
  for (let number = 1; number <= count + 1; number++) {
    const name = `bench-sequencer-${number}`;
    sequencers.push(
      new SequencerProcess(name, Number(options['port-base']) + 33 + number, env, join(logs, `${name}.log`)),
    );
  }
  const working = sequencers.slice(0, count);
  // One more, that only comes and goes.
  const guest = sequencers.at(-1) as SequencerProcess;
  const balanced = () => Promise.all(working.map((one) => one.working(partitions / count)));
  for (const one of working) one.start();
  await balanced();

  const log = await openLog(config.kafka.brokers);
  const codec = await openCodec(config, silentLog);
  const load = new Load(log, codec, topicsOf(config.stream.prefix), partitions);
  const stolenShare = startStealMeter();
  load.start(rate);
  await delay(WARM_UP_MS);

  const results: Record<'killed' | 'stopped', Run[]> = { killed: [], stopped: [] };
  for (const [how, signal] of [
    ['killed', 'SIGKILL'],
    ['stopped', 'SIGTERM'],
  ] as const) {
    for (let number = 0; number < runs; number++) {
      const victim = working[number % count] as SequencerProcess;
      const run = await measure(load, victim, signal, balanced);
      results[how].push(run);
      say(
        `${how} ${number + 1}/${runs}: takeover ${Math.max(...run.takeoverMs)} ms, kept ${run.keptMs} ms, ` +
          `claims ${run.claims} for ${run.takeoverMs.length} partitions; back: kept ${run.back.keptMs} ms, moved ${run.back.movedMs} ms`,
      );
    }
  }

  const churn = await churned();
  await load.stop(DRAIN_MS);
  await log.close();
  const stolen = stolenShare();

  const rows = [...rowsOf('killed', results.killed), ...rowsOf('stopped', results.stopped)];
  writeResult(options.out, {
    bench: 'failover',
    figure: 'recovery',
    command: `scripts/bench failover --runs ${runs} --rate ${rate} --sequencers ${count} --partitions ${partitions} --churn-seconds ${options['churn-seconds']}`,
    versions: {},
    settings: {
      brokers: 3,
      sequencers: count,
      partitions,
      eventsPerSecond: rate,
      sessionTimeoutMs: config.sequencer.sessionTimeoutMs,
      heartbeatIntervalMs: config.sequencer.heartbeatIntervalMs,
      /** Share of all cores that the hypervisor took away. */
      stolen,
      /** Runnable processes per minute at the end: above the cores, others were measured too. */
      loadAverage: loadavg()[1],
    },
    rounds: results.killed.length + results.stopped.length,
    voidRounds: 0,
    rows: [
      ...rows,
      rowOf({ case: 'one sequencer comes and goes', side: 'roomlog', metric: 'p50 publish → sequenced', unit: 'ms' }, [
        churn.latencyMs.p50,
      ]),
    ],
    goals: goalsOf(rows),
    notes: [
      'A takeover is counted from the signal to the first event under the next claim, in each partition that the sequencer had; a pause is the longest time from publish to sequenced.',
      `${load.published} events were published while sequencers came and went; ${load.sequenced.length} were sequenced, ${load.dropped.length} were read and not counted.`,
    ],
    detail: { churn, runs: results },
  });

  /** One more sequencer joins and leaves, over and over: whoever loses and gets partitions back must not duel for them. */
  async function churned() {
    const since = performance.now();
    const until = since + 1_000 * Number(options['churn-seconds']);
    const counted = async (name: string) =>
      (await Promise.all(working.map((one) => one.counter(name)))).reduce((sum, one) => sum + one, 0);
    const [claimsBefore, fencedBefore] = [await counted('roomlog_claims_total'), await counted('roomlog_fenced_total')];
    const readBefore = load.claims.length;
    let changes = 0;
    for (; performance.now() < until; changes++) {
      if (changes % 2 === 0) {
        guest.start();
        await guest.working(Math.floor(partitions / (count + 1)));
      } else await guest.end(changes % 4 === 1 ? 'SIGTERM' : 'SIGKILL');
      await delay(CHURN_EVERY_MS);
    }
    await guest.end('SIGTERM');
    await balanced();
    await delay(1_000);
    const claimsRead = load.claims.length - readBefore;
    const latencies = load.sequenced.filter(({ publishedAt }) => publishedAt >= since);
    return {
      seconds: Number(options['churn-seconds']),
      changes,
      claimsRead,
      /** Each change moves so many; more claims than changes times this are a duel. */
      partitionsMovedByChange: Math.floor(partitions / (count + 1)),
      claimsByThoseThatStayed: (await counted('roomlog_claims_total')) - claimsBefore,
      fencedOfThoseThatStayed: (await counted('roomlog_fenced_total')) - fencedBefore,
      latencyMs: summarise(latencies.map(({ arrivedAt, publishedAt }) => arrivedAt - publishedAt)),
    };
  }
}

function rowsOf(how: 'killed' | 'stopped', all: readonly Run[]): BenchRow[] {
  const row = (metric: string, pick: (run: Run) => number | readonly number[]) => ({
    ...rowOf({ case: `sequencer ${how}`, side: 'roomlog', metric, unit: 'ms' }, all.flatMap(pick)),
    rounds: all.length,
  });
  return [
    row('takeover', (run) => run.takeoverMs),
    row('pause of its partitions', (run) => run.pauseMs),
    row("pause of the others' partitions", (run) => run.keptMs),
    row('pause of what it got back when it came back', (run) => run.back.movedMs),
    row('pause of what the others kept when it came back', (run) => run.back.keptMs),
  ];
}

function goalsOf(rows: readonly BenchRow[]): BenchGoal[] {
  const worst = (pick: (row: BenchRow) => boolean) => Math.max(...rows.filter(pick).map(({ high }) => high));
  const goal = (what: string, value: number, atMost: number): BenchGoal => ({
    figure: 'issue',
    what,
    value,
    unit: 'ms',
    atMost,
  });
  const at = (how: string, metric: string) => (row: BenchRow) => row.case.endsWith(how) && row.metric === metric;
  return [
    goal('killed sequencer, slowest takeover', worst(at('killed', 'takeover')), GOALS.killedMs),
    goal('stopped sequencer, longest pause', worst(at('stopped', 'pause of its partitions')), GOALS.stoppedMs),
    goal(
      'longest pause of partitions that others keep',
      worst(({ metric }) => metric === "pause of the others' partitions"),
      GOALS.keptPauseMs,
    ),
  ];
}
