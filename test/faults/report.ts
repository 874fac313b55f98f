/** The report of a whole run, for programs and for people. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeMachine } from '../../bench/support/machine.ts';
import { ROOT } from '../../scripts/stack/root.ts';
import { notYet, TABLE } from './cases.ts';
import type { FaultsOptions } from './options.ts';
import type { CaseResult } from './run-case.ts';

/** Writes `faults.json` and `faults.md`; returns their paths. */
export function writeReport(dir: string, options: FaultsOptions, results: readonly CaseResult[]): string[] {
  mkdirSync(dir, { recursive: true });
  const whole = {
    command: `scripts/test-faults ${process.argv.slice(2).join(' ')}`,
    commit: commit(),
    machine: describeMachine(),
    versions: versions(),
    load: options.load,
    cases: results.map((result) => ({ ...result, faults: result.faults.map(relative) })),
    notYet: notYet(),
  };
  const json = join(dir, 'faults.json');
  const markdown = join(dir, 'faults.md');
  writeFileSync(json, `${JSON.stringify(whole, null, 2)}\n`);
  writeFileSync(markdown, markdownOf(whole));
  return [json, markdown];
}

/** Why a case failed; [] where it passed. */
export function failures({ verdict, problems, guards, firstAnomalies, faults }: CaseResult): string[] {
  if (verdict === 'passed') return [];
  return [
    ...problems,
    ...guards.map(({ name, message }) => `guard ${name}: ${message}`),
    ...firstAnomalies.slice(0, 5).map(({ name, message }) => `${name}: ${message}`),
    ...faults.filter(({ ackMs }) => ackMs === null).map(({ name }) => `${name}: service never came back everywhere`),
  ];
}

type Whole = {
  readonly cases: readonly (Omit<CaseResult, 'faults'> & { readonly faults: readonly RelativeFault[] })[];
} & {
  readonly command: string;
  readonly commit: string;
  readonly machine: ReturnType<typeof describeMachine>;
  readonly versions: Readonly<Record<string, string>>;
  readonly load: FaultsOptions['load'];
  readonly notYet: readonly number[];
};

interface RelativeFault {
  readonly name: string;
  readonly evidence: string;
  readonly lastedMs: number;
  readonly recoveryFrom: 'begin' | 'heal';
  readonly recoveryMs: number | null;
  readonly reconnectMs: number | null;
}

function relative(fault: CaseResult['faults'][number]): RelativeFault {
  const { name, evidence, beganAt, healedAt, recovery, ackMs, reconnectMs } = fault;
  const round = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));
  return {
    name,
    evidence,
    lastedMs: Math.round(healedAt - beganAt),
    recoveryFrom: recovery,
    recoveryMs: round(ackMs),
    reconnectMs: round(reconnectMs),
  };
}

function markdownOf({ command, commit: hash, machine, versions: used, load, cases, notYet: missing }: Whole): string {
  const lines = [
    '# Fault runs',
    '',
    `Made by \`${command}\` at ${hash}, ${machine.date}. ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB.`,
    `${Object.entries(used)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}.`,
    '',
    `Load unless a case says otherwise: ${load.clients} SDK clients over the gateways, ${load.publishesPerSecond} publishes/s, ${load.churnPerSecond} lost connections/s.`,
    'How it works, and what each column means: test/faults/README.md.',
    '',
    '| case | verdict | seconds | seed | published | acked | unknown | delivered | dropped in log | anomalies | verify |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...cases.map((one) => {
      const anomalies = Object.entries(one.anomalies).map(([name, count]) => `${count} ${name}`);
      const verified = one.verify === null ? 'not run' : one.verify.sound ? 'sound' : 'NOT SOUND';
      const cells = [one.number, one.name].join(' ');
      return `| ${[cells, one.verdict, one.seconds, one.seed, one.published, one.acked, one.unknown, one.delivered, one.droppedInLog, anomalies.join(', ') || 'none', verified].join(' | ')} |`;
    }),
    '',
    '## Faults, and how long service was away',
    '',
    'R: from the fault (or its healing) to the ack of a publish sent after it, in the slowest partition. Reconnect: the slowest client that had lost its connection.',
    '',
    '| case | fault | times | lasted, s | R from | R, s (median, worst) | reconnect, s (worst) | seen by (first) |',
    '| --- | --- | --- | --- | --- | --- | --- | --- |',
    ...cases.flatMap((one) => faultRows(one.number, one.faults)),
    '',
    ...cases.flatMap((one) => (one.notes.length === 0 ? [] : [`Case ${one.number}: ${one.notes.join('; ')}`, ''])),
    ...cases.flatMap((one) =>
      one.verdict === 'passed' ? [] : [`Case ${one.number} FAILED: ${failuresOf(one).join('; ')}`, ''],
    ),
    missing.length === 0
      ? 'Every case of the table was written.'
      : `Not yet: ${missing.map((number) => `${number} (${TABLE.get(number)})`).join(', ')}.`,
    '',
  ];
  return lines.join('\n');
}

function failuresOf(one: Whole['cases'][number]): string[] {
  return failures({ ...one, faults: [] } as CaseResult).slice(0, 10);
}

function faultRows(number: number, faults: readonly RelativeFault[]): string[] {
  const names = [...new Set(faults.map(({ name }) => name))];
  return names.map((name) => {
    const same = faults.filter((fault) => fault.name === name);
    const [first] = same;
    const seconds = (values: readonly (number | null)[]): string => {
      if (values.includes(null)) return 'never';
      const sorted = (values as number[]).toSorted((a, b) => a - b);
      const show = (ms: number | undefined): string => ((ms ?? 0) / 1_000).toFixed(1);
      return sorted.length === 1
        ? show(sorted[0])
        : `${show(sorted[Math.floor(sorted.length / 2)])}, ${show(sorted.at(-1))}`;
    };
    const lost = same.map(({ reconnectMs }) => reconnectMs).filter((ms) => ms !== null);
    const worst = lost.length === 0 ? '–' : (Math.max(...lost) / 1_000).toFixed(1);
    const lasted = seconds(same.map(({ lastedMs }) => lastedMs));
    const recovery = seconds(same.map(({ recoveryMs }) => recoveryMs));
    return `| ${[number, name, same.length, lasted, first?.recoveryFrom, recovery, worst, first?.evidence].join(' | ')} |`;
  });
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { cwd: ROOT, encoding: 'utf8' }).trim();
  } catch {
    return 'an unknown commit';
  }
}

function versions(): Record<string, string> {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  const pom = readFileSync(join(ROOT, 'deploy', 'local', 'pom.xml'), 'utf8');
  const kafka =
    /kafka_2\.13<\/artifactId>\s*<version>([^<]+)/.exec(pom)?.[1] ?? /<kafka\.version>([^<]+)/.exec(pom)?.[1];
  return { Roomlog: version, Node: process.version, Kafka: kafka ?? 'unknown', toxiproxy: '2.5.0' };
}
