/**
 * The report of fault runs, for programs and for people. A run of some cases replaces those in the report that is there, and
 * leaves the others; each says at which commit, when and under which load it was run.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine, type Machine } from '../../bench/support/machine.ts';
import { ROOT } from '../../scripts/stack/root.ts';
import { CASES, notYet, TABLE } from './cases.ts';
import type { LoadOptions } from './load.ts';
import type { CaseResult } from './run-case.ts';

/** One case, as the report keeps it. */
export type ReportedCase = Omit<CaseResult, 'faults'> & {
  readonly commit: string;
  readonly command: string;
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly load: LoadOptions;
  readonly faults: readonly ReportedFault[];
};

export interface ReportedFault {
  readonly name: string;
  readonly evidence: string;
  readonly lastedMs: number;
  readonly recoveryFrom: 'begin' | 'heal';
  readonly recoveryMs: number | null;
  readonly reconnectMs: number | null;
}

interface Report {
  readonly cases: readonly ReportedCase[];
  /** Written, but in none of the runs that the report holds. */
  readonly notRun: readonly number[];
  /** Not written. */
  readonly notYet: readonly number[];
}

/** Writes `faults.json` and `faults.md`; returns their paths. */
export function writeReport(dir: string, load: LoadOptions, results: readonly CaseResult[]): string[] {
  mkdirSync(dir, { recursive: true });
  const json = join(dir, 'faults.json');
  const markdown = join(dir, 'faults.md');
  const earlier = existsSync(json) ? (JSON.parse(readFileSync(json, 'utf8')) as Report).cases : [];
  const about = {
    commit: commit(),
    command: `scripts/test-faults ${process.argv.slice(2).join(' ')}`,
    machine: describeMachine(),
    versions: versions(),
    load,
  };
  const fresh = results.map((result) => ({ ...result, ...about, faults: result.faults.map(reported) }));
  const cases = merged(earlier, fresh);
  const isUsual = ({ sabotage, client }: ReportedCase) => sabotage === null && client !== 'platformatic';
  const ran = new Set(cases.filter(isUsual).map(({ number }) => number));
  const notRun = CASES.map(({ number }) => number).filter((number) => !ran.has(number));
  const report = { cases, notRun, notYet: notYet() };
  writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
  writeFileSync(markdown, markdownOf(report));
  return [json, markdown];
}

/** Fresh ones in place of earlier ones; cases by number, then sabotages. */
export function merged(earlier: readonly ReportedCase[], fresh: readonly ReportedCase[]): ReportedCase[] {
  const kept = earlier.filter(({ id }) => !fresh.some((one) => one.id === id));
  const order = ({ sabotage, number }: ReportedCase): number => (sabotage === null ? number : 1_000);
  return [...kept, ...fresh].sort((left, right) => order(left) - order(right) || (left.id < right.id ? -1 : 1));
}

/** Why a case failed; [] where it passed. */
export function failures(result: Pick<CaseResult, 'verdict' | 'problems' | 'guards' | 'firstAnomalies'>): string[] {
  const { verdict, problems, guards, firstAnomalies } = result;
  if (verdict === 'passed') return [];
  return [
    ...problems,
    ...guards.map(({ name, message }) => `guard ${name}: ${message}`),
    ...firstAnomalies.slice(0, 5).map(({ name, message }) => `${name}: ${message}`),
  ];
}

function reported(fault: CaseResult['faults'][number]): ReportedFault {
  const { name, evidence, struckAt, healedAt, recovery, ackMs, reconnectMs } = fault;
  const round = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));
  return {
    name,
    evidence,
    lastedMs: Math.round(healedAt - struckAt),
    recoveryFrom: recovery,
    recoveryMs: round(ackMs),
    reconnectMs: round(reconnectMs),
  };
}

const row = (cells: readonly unknown[]): string => `| ${cells.join(' | ')} |`;

export function markdownOf({ cases, notRun, notYet: missing }: Report): string {
  const plain = cases.filter(({ sabotage, client }) => sabotage === null && client !== 'platformatic');
  const other = cases.filter(({ sabotage, client }) => sabotage === null && client === 'platformatic');
  const sabotaged = cases.filter(({ sabotage }) => sabotage !== null);
  const failed = cases.filter(({ verdict }) => verdict === 'failed');
  return [
    '# Fault runs',
    '',
    'Written by `scripts/test-faults --report`. What runs, and what each figure means: [test/faults/README.md](../../test/faults/README.md). With all details: `faults.json`.',
    '',
    ...caseTable(plain),
    '## Faults, and how long service was away',
    '',
    'R: from the fault (or its healing) to the ack of a publish sent after it, in the slowest partition. Reconnect: the slowest client that had lost its connection.',
    '',
    ...faultTable(plain),
    ...(other.length === 0
      ? []
      : [
          '## On @platformatic/kafka',
          '',
          'The same with `--kafka-client platformatic`: every gateway and sequencer says in `/health` that it runs on it.',
          '',
          ...caseTable(other),
          ...faultTable(other),
        ]),
    ...(sabotaged.length === 0 ? [] : ['## Sabotage', '', ...sabotageRows(sabotaged), '']),
    ...failed.flatMap((one) => [`${one.id} FAILED: ${failures(one).slice(0, 10).join('; ')}`, '']),
    ...(notRun.length === 0 ? [] : ['## Written, not run here', '', ...notRun.map(tableRow), '']),
    '## Not yet',
    '',
    ...(missing.length === 0 ? ['Every case of the table is written.'] : missing.map(tableRow)),
    '',
    '## Where and how',
    '',
    row(['case', 'commit', 'when', 'seed', 'clients, publishes/s', 'machine', 'versions']),
    row(Array.from({ length: 7 }, () => '---')),
    ...cases.map((one) => {
      const { machine, versions: used, load } = one;
      const names = Object.entries(used).map(([name, version]) => `${name} ${version}`);
      const where = `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB`;
      return row([
        one.id,
        one.commit,
        machine.date,
        one.seed,
        `${one.clients}, ${load.publishesPerSecond}`,
        where,
        names.join(', '),
      ]);
    }),
    '',
  ].join('\n');
}

function caseTable(cases: readonly ReportedCase[]): string[] {
  const heads = 'case, verdict, seconds, published, acked, unknown, delivered, dropped in log, anomalies, verify'.split(
    ', ',
  );
  return [row(heads), row(heads.map(() => '---')), ...cases.map(caseRow), ''];
}

function faultTable(cases: readonly ReportedCase[]): string[] {
  const heads = [
    ...['case', 'fault', 'times', 'lasted, s (median, worst)'],
    ...['R from', 'R, s (median, worst)', 'reconnect, s (worst)', 'seen by (the first)'],
  ];
  return [
    row(heads),
    row(heads.map(() => '---')),
    ...cases.flatMap((one) => faultRows(one.number, one.faults)),
    '',
    ...cases.flatMap((one) => (one.notes.length === 0 ? [] : [`Case ${one.number}: ${one.notes.join('; ')}.`, ''])),
  ];
}

const tableRow = (number: number): string => `- ${number}: ${TABLE.get(number)}`;

function caseRow(one: ReportedCase): string {
  const verified = one.verify === null ? 'not run' : one.verify.sound ? 'sound' : 'NOT SOUND';
  return row([
    `${one.number} ${one.name}`,
    one.verdict,
    one.seconds,
    ...[one.published, one.acked, one.unknown, one.delivered, one.droppedInLog],
    anomaliesOf(one),
    verified,
  ]);
}

function sabotageRows(cases: readonly ReportedCase[]): string[] {
  return [
    'Each mechanism taken out of the running system, which then has to be caught; and the same scenario with it, where nothing may be found.',
    '',
    row(['', 'verdict', 'published', 'anomalies']),
    row(Array.from({ length: 4 }, () => '---')),
    ...cases.map((one) => row([one.name, one.verdict, one.published, anomaliesOf(one)])),
  ];
}

function anomaliesOf({ anomalies }: ReportedCase): string {
  const found = Object.entries(anomalies).map(([name, count]) => `${count} ${name}`);
  return found.join(', ') || 'none';
}

function faultRows(number: number, faults: readonly ReportedFault[]): string[] {
  return [...new Set(faults.map(({ name }) => name))].map((name) => {
    const same = faults.filter((fault) => fault.name === name);
    const lost = same.flatMap(({ reconnectMs }) => (reconnectMs === null ? [] : [reconnectMs]));
    return row([
      number,
      name,
      same.length,
      seconds(same.map(({ lastedMs }) => lastedMs)),
      same[0]?.recoveryFrom,
      seconds(same.map(({ recoveryMs }) => recoveryMs)),
      lost.length === 0 ? '–' : (Math.max(...lost) / 1_000).toFixed(1),
      same[0]?.evidence,
    ]);
  });
}

/** Median and worst, in seconds. */
function seconds(values: readonly (number | null)[]): string {
  if (values.includes(null)) return 'never';
  const sorted = (values as number[]).toSorted((a, b) => a - b);
  const show = (ms: number | undefined): string => ((ms ?? 0) / 1_000).toFixed(1);
  const worst = show(sorted.at(-1));
  return sorted.length === 1 ? worst : `${show(sorted[Math.floor(sorted.length / 2)])}, ${worst}`;
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

function versions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const pom = readFileSync(join(ROOT, 'deploy', 'local', 'pom.xml'), 'utf8');
  const kafka = /kafka_2\.13<\/artifactId>\s*<version>([^<]+)/.exec(pom)?.[1];
  return { Roomlog: version, Node: process.version, Kafka: kafka ?? 'unknown', toxiproxy: '2.5.0' };
}
