/**
 * The one form in which every bench says what it found: bench/results/NAME.json, from which docs/benchmarks.md is made.
 * Rows hold the median and the range of the rounds that count; goals hold one value each, and whether it is met is computed
 * where they are read, so that a result can't claim it.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, round } from './latency.ts';
import { describeMachine, type Machine } from './machine.ts';

export const RESULTS_DIR = fileURLToPath(new URL('../results', import.meta.url));

export const FIGURES = ['P1', 'P2', 'P3', 'P4', 'P5', 'P6', 'P7', 'P8', 'P9', 'P10', 'issue'] as const;
/** A line of the table of what to reach; `issue` where something else demanded it. */
export type Figure = (typeof FIGURES)[number];

export interface BenchRow {
  /** What was asked of all sides: `1,000 events/s`. Rows of one case are compared with each other. */
  readonly case: string;
  /** Who was measured: `roomlog`, `socket.io`. */
  readonly side: string;
  /** `deliveries per CPU-second`. */
  readonly metric: string;
  /** `ms`, `events/s`, `bytes`, or empty for a bare number. */
  readonly unit: string;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  /** Rounds that count. */
  readonly rounds: number;
}

export interface BenchGoal {
  readonly figure: Figure;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** A picture of one metric over all cases and sides: bars grouped by case, or lines over the first number in each case. */
export interface Plot {
  readonly metric: string;
  readonly as: 'bars' | 'lines';
  readonly title?: string;
  /** Of lines: what the number in the cases is. */
  readonly x?: string;
  /** Only these. */
  readonly cases?: readonly string[];
}

export interface BenchResult {
  readonly bench: string;
  readonly figure: string;
  /** The whole line that takes it again. */
  readonly command: string;
  /** ISO 8601. */
  readonly takenAt: string;
  readonly machine: Omit<Machine, 'date'>;
  /** Of what was compared: `{ 'socket.io': '4.8.1' }`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Rounds that count, over all sides and cases. */
  readonly rounds: number;
  /** Thrown away and repeated; see rounds.ts. */
  readonly voidRounds: number;
  readonly rows: readonly BenchRow[];
  readonly goals: readonly BenchGoal[];
  /** Whole sentences for the reader. */
  readonly notes: readonly string[];
  /** Pictures for docs/benchmarks.md; absent: bars of the first row's metric, in the cases that its side has. */
  readonly plots?: readonly Plot[];
  /** Rounds as they were measured; nothing is made from it. */
  readonly detail?: unknown;
}

export type Measured = Omit<BenchResult, 'takenAt' | 'machine'>;

/** A row of the samples of the rounds that count. Throws where there are none: a row must stand for something. */
export function rowOf(
  about: Pick<BenchRow, 'case' | 'side' | 'metric' | 'unit'>,
  samples: readonly number[],
  digits = 2,
): BenchRow {
  if (samples.length === 0) throw new Error(`no round of ${about.side} counts for ${about.metric} at ${about.case}`);
  const to = (value: number) => (digits === 2 ? round(value) : Number(value.toFixed(digits)));
  return {
    ...about,
    median: to(median(samples)),
    low: to(Math.min(...samples)),
    high: to(Math.max(...samples)),
    rounds: samples.length,
  };
}

/** Throws for a goal without a bound, which could never be missed. */
export function isMet({ what, value, atMost, atLeast }: BenchGoal): boolean {
  if (atMost === undefined && atLeast === undefined) throw new Error(`the goal "${what}" has no bound`);
  return value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY);
}

/** Adds machine and time, writes `bench/results/<name>.json`, and says on stderr which goals are met. */
export function writeResult(name: string, measured: Measured): BenchResult {
  const { rows, goals, notes, detail, plots, ...about } = measured;
  const { bench, figure, command, ...rest } = about;
  const { date: takenAt, ...machine } = describeMachine();
  const head = { bench, figure, command, takenAt, machine, ...rest };
  const drawn = plots === undefined ? {} : { plots };
  const result = { ...head, goals, notes, ...drawn, rows, ...(detail === undefined ? {} : { detail }) };
  mkdirSync(RESULTS_DIR, { recursive: true });
  writeFileSync(join(RESULTS_DIR, `${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  for (const goal of goals) {
    const bound = goal.atMost === undefined ? `at least ${goal.atLeast}` : `at most ${goal.atMost}`;
    const verdict = isMet(goal) ? 'met' : 'NOT MET';
    process.stderr.write(`${goal.figure} ${goal.what}: ${goal.value} ${goal.unit}, ${bound}: ${verdict}\n`);
  }
  process.stderr.write(`written to bench/results/${name}.json; scripts/bench report puts it into docs/benchmarks.md\n`);
  return result;
}

/** Results of trying out (`--out tmp-something`) begin so: git and the report leave them alone. */
const TRIED_OUT = 'tmp-';

/** All committed results by name, in the order of their names. */
export function readResults(dir = RESULTS_DIR): Map<string, BenchResult> {
  const names = readdirSync(dir).filter((name) => name.endsWith('.json') && !name.startsWith(TRIED_OUT));
  return new Map(
    names
      .sort()
      .map((name) => [
        name.slice(0, -'.json'.length),
        JSON.parse(readFileSync(join(dir, name), 'utf8')) as BenchResult,
      ]),
  );
}
