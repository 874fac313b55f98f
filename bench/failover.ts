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
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openCodec } from '../adapters/registry/open-codec.ts';
import { configSchema } from '../core/config/schema.ts';
import { topicsOf } from '../core/names.ts';
import { silentLog } from '../core/ports/logger.ts';
import { prepareStream } from '../scripts/stack/prepare-stream.ts';
import type { StackFile } from '../scripts/stack/stack-file.ts';
import { measure, type Run } from './failover/measure.ts';
import { Load } from './failover/sequenced.ts';
import { startStealMeter } from './support/cpu.ts';
import { summarise } from './support/latency.ts';
import { describeMachine } from './support/machine.ts';
import { openLog } from './support/open-log.ts';
import { SequencerProcess } from './support/sequencer-process.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const WARM_UP_MS = 5_000;
const DRAIN_MS = 15_000;
/** So long after a member has come or gone the next change begins, while they are churned. */
const CHURN_EVERY_MS = 2_000;

const { values: options } = parseArgs({
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

const stateDir = mkdtempSync(join(tmpdir(), 'roomlog-failover-'));
const script = (name: string, ...args: string[]) =>
  execFileSync(join(root, 'scripts', name), [...args, '--state-dir', stateDir], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
const say = (line: string) => void process.stderr.write(`${line}\n`);
const sequencers: SequencerProcess[] = [];

try {
  script('up', '--detach', '--infra-only', '--brokers', '3', '--port-base', options['port-base']);
  const stack = JSON.parse(readFileSync(join(stateDir, 'stack.json'), 'utf8')) as StackFile;
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
  const logs = join(stateDir, 'sequencers');
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

  const all = (how: Run[], pick: (run: Run) => number | readonly number[]) => summarise(how.flatMap(pick));
  const figures = (how: Run[]) => ({
    runs: how.length,
    takeoverMs: all(how, (run) => run.takeoverMs),
    pauseMs: all(how, (run) => run.pauseMs),
    keptPauseMs: all(how, (run) => run.keptMs),
    claims: how.reduce((sum, run) => sum + run.claims, 0),
    partitionsTaken: how.reduce((sum, run) => sum + run.takeoverMs.length, 0),
    back: { movedPauseMs: all(how, (run) => run.back.movedMs), keptPauseMs: all(how, (run) => run.back.keptMs) },
  });
  const result = {
    bench: 'failover',
    command: `scripts/bench failover --runs ${runs} --rate ${rate} --sequencers ${count} --partitions ${partitions} --churn-seconds ${options['churn-seconds']}`,
    machine: describeMachine(),
    setting: {
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
    goals: { killedMs: 8_000, stoppedMs: 1_000, keptPauseMs: 500 },
    killed: figures(results.killed),
    stopped: figures(results.stopped),
    churn,
    events: { published: load.published, sequenced: load.sequenced.length, notCounted: load.dropped.length },
    runs: results,
  };
  writeFileSync(join(root, 'bench/results', `${options.out}.json`), `${JSON.stringify(result, null, 2)}\n`);
  say(`written to bench/results/${options.out}.json`);

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
} finally {
  await Promise.all(sequencers.map((one) => one.end('SIGKILL')));
  script('down');
  rmSync(stateDir, { recursive: true, force: true });
}
