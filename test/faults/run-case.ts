/** One case from its first process to its verdict. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Anomaly } from '../checker/anomaly.ts';
import { check } from '../checker/check.ts';
import type { Guard } from '../checker/guards.ts';
import { type HistoryLine, parseHistory } from '../checker/history.ts';
import { waitFor } from '../support/wait-for.ts';
import type { FaultCase, KafkaClient } from './case.ts';
import type { Cluster } from './cluster.ts';
import { dumpLog, headsOf, merged } from './dump-log.ts';
import { Random } from './load/random.ts';
import { Recorder } from './load/recorder.ts';
import { Load, type LoadOptions } from './load.ts';
import { type Recovery, recoveryOf } from './recovery.ts';
import { Roomlog } from './roomlog.ts';
import { runVerify, type VerifyResult } from './verify.ts';
import { type MadeFault, World } from './world.ts';

export interface CaseOptions {
  /** In the report; one run of it replaces the last. */
  readonly id: string;
  /** The mechanism that is taken away, or is not, for comparison; null in a case of the table. */
  readonly sabotage: string | null;
  readonly seconds: number | null;
  readonly seed: number;
  readonly load: LoadOptions;
  readonly client: KafkaClient;
  /** Where the history, the log and the report of this case go. */
  readonly dir: string;
  say(line: string): void;
}

export type Verdict = 'passed' | 'failed';

export interface CaseResult {
  readonly id: string;
  readonly sabotage: string | null;
  /** Absent where the run is older than the choice: kafkajs. */
  readonly client?: KafkaClient;
  readonly number: number;
  readonly name: string;
  readonly verdict: Verdict;
  readonly seed: number;
  /** From the first fault to the last recovery. */
  readonly seconds: number;
  readonly clients: number;
  readonly published: number;
  readonly acked: number;
  readonly unknown: number;
  readonly delivered: number;
  readonly gaps: number;
  readonly eventsInLog: number;
  readonly droppedInLog: number;
  readonly faults: readonly (MadeFault & Recovery)[];
  readonly anomalies: Readonly<Record<string, number>>;
  readonly firstAnomalies: readonly Anomaly[];
  readonly guards: readonly Guard[];
  readonly verify: VerifyResult | null;
  readonly notes: readonly string[];
  readonly problems: readonly string[];
}

const PARTITIONS = 6;
const WARM_WITHIN_MS = 90_000;
const FLUSH_WITHIN_MS = 90_000;
const DRAIN_WITHIN_MS = 40_000;
/** Under load after the last fault, so that the healed system is seen working. */
const AFTERWARDS_MS = 2_000;
/** A run with less says nothing. */
const LEAST_ACKED = 200;
const ANOMALIES_SHOWN = 20;

export async function runCase(cluster: Cluster, fault: FaultCase, options: CaseOptions): Promise<CaseResult> {
  const { dir, seed, say } = options;
  mkdirSync(dir, { recursive: true });
  const environment = fault.environment ?? {};
  const roomlog = new Roomlog(cluster, {
    prefix: `case-${fault.number}-${seed}-${Date.now().toString(36)}`,
    partitions: PARTITIONS,
    gateways: fault.gateways ?? 3,
    sequencers: fault.sequencers ?? 2,
    environment,
    client: options.client,
    ...(fault.setting === undefined ? {} : { setting: (name: string) => fault.setting?.(name) ?? {} }),
  });
  const load = await Load.plan(roomlog, { ...options.load, ...fault.load }, dir, seed);
  const recorder = new Recorder('harness', join(dir, 'history.harness.jsonl'));
  for (const user of load.users) recorder.write({ type: 'rights', user, rooms: 'all' });
  const problems: string[] = [];
  let world: World | null = null;
  let took = 0;
  let verify: VerifyResult | null = null;
  try {
    await roomlog.start();
    await load.open();
    load.run();
    world = new World({
      ...{ cluster, roomlog, load, recorder, say },
      random: new Random(seed),
      seconds: options.seconds ?? fault.seconds,
    });
    await world.recovered(undefined, WARM_WITHIN_MS);
    const began = performance.now();
    world.begin();
    await fault.run(world).finally(() => {
      took = (performance.now() - began) / 1_000;
    });
    await world.recovered();
    await world.pass(AFTERWARDS_MS);
  } catch (error) {
    problems.push(told(error));
  }
  try {
    load.pause();
    for (const name of cluster.processes.crashed()) problems.push(`${name} ended by itself`);
    await cluster.network.heal();
    if (problems.length > 0) await cluster.processes.restoreAll();
    problems.push(...(await load.drain(null, FLUSH_WITHIN_MS)).map((left) => `no answer: ${left}`));
    const log = merged(world?.keptLog ?? [], await settledLog(cluster, roomlog));
    problems.push(...(await load.drain(headsOf(log), DRAIN_WITHIN_MS)).map((left) => `left behind: ${left}`));
    if (world !== null) problems.push(...((await fault.judge?.(world)) ?? []));
    problems.push(...(await load.end()));
    recorder.write({ type: 'end', drained: true });
    if (fault.notVerified === undefined) {
      verify = await runVerify(cluster, roomlog);
      if (!verify.sound) problems.push(`roomlog verify: ${verify.message}`);
    }
  } catch (error) {
    problems.push(told(error));
  } finally {
    load.abandon();
    recorder.close();
    await roomlog.stop();
  }
  // Read once more: nothing writes now.
  const log = merged(world?.keptLog ?? [], await dumpLog(cluster, roomlog));
  await cluster.deleteTopics(Object.values(roomlog.topics));
  writeFileSync(join(dir, 'log.jsonl'), log.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const history = readHistory([...load.historyFiles, join(dir, 'history.harness.jsonl')]);
  writeFileSync(join(dir, 'history.jsonl'), history.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const made = world?.faults ?? [];
  const names = [...new Set(made.map(({ name }) => name))];
  const report = check(history, log, { leastAcked: LEAST_ACKED, leastDelivered: LEAST_ACKED, faults: names });
  problems.push(...(world?.problems ?? []));
  const faults = made.map((one) => ({ ...one, ...recoveryOf(history, one, PARTITIONS) }));
  for (const { name, ackMs } of faults)
    if (ackMs === null) problems.push(`${name}: service never came back everywhere`);
  if (made.length === 0) problems.push('no fault was made');
  const result: CaseResult = {
    id: options.id,
    sabotage: options.sabotage,
    client: options.client,
    number: fault.number,
    name: fault.name,
    verdict: report.passed && problems.length === 0 ? 'passed' : 'failed',
    seed,
    seconds: Math.round(took * 10) / 10,
    clients: load.users.length,
    published: report.published,
    acked: report.acked,
    unknown: report.unknown,
    delivered: report.delivered,
    gaps: report.gaps,
    eventsInLog: report.eventsInLog,
    droppedInLog: report.droppedInLog,
    faults,
    anomalies: report.counts,
    firstAnomalies: report.anomalies.slice(0, ANOMALIES_SHOWN),
    guards: report.guards,
    verify,
    notes: [
      ...(world?.notes ?? []),
      ...(fault.notVerified === undefined ? [] : [`verify not run: ${fault.notVerified}`]),
    ],
    problems,
  };
  writeFileSync(join(dir, 'result.json'), `${JSON.stringify(result, null, 2)}\n`);
  return result;
}

/** The log once it has stopped growing: what was given up by everybody may still be on its way. */
async function settledLog(cluster: Cluster, roomlog: Roomlog) {
  let before = -1;
  return await waitFor(
    async () => {
      const log = await dumpLog(cluster, roomlog);
      const still = log.length === before;
      before = log.length;
      return still ? log : false;
    },
    { what: 'an outbound log that stands still', withinMs: FLUSH_WITHIN_MS, pollMs: 500 },
  );
}

/** Sorted by time, of those who came to write any; the lines of one client stay in their order. */
function readHistory(files: readonly string[]): HistoryLine[] {
  const lines = files.filter(existsSync).flatMap((file) => parseHistory(readFileSync(file, 'utf8')));
  return lines.sort((left, right) => left.at - right.at);
}

function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message}${cause}`;
}
