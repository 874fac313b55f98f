/**
 * P10: what one unit of work costs as rooms, members, connections and partitions grow to 2 and 4 times: flat where growth is linear.
 *
 *   scripts/bench growth [--only P1,P2,inbound] [--scales 1,2,4] [--repeats 1] [--port-base 27000] [--out NAME]
 *
 * Runs the programs of the other figures in a short form, Roomlog's side alone where they allow it, one after the other; each starts a stack of its
 * own. What a program has measured at several sizes by itself (many-rooms) is taken from its committed result. What is not in
 * the short form stays as those programs have it. Writes bench/results/growth.json; with `--only` (a figure or a program) what is not
 * measured again, or failed now, stays as it was there, so that it can be taken piece by piece.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../scripts/stack/root.ts';
import { MEASURED_SERIES, type MeasuredSeries, SERIES, type Series } from './growth/series.ts';
import { median, round } from './support/latency.ts';
import { benchOptions } from './support/options.ts';
import {
  type BenchGoal,
  type BenchResult,
  type BenchRow,
  RESULTS_DIR,
  readResults,
  rowOf,
  writeResult,
} from './support/result.ts';

/** Of the cost at the smallest size: what is below is linear, as well as a short run can tell. */
const LINEAR = 1.25;
const COST = 'cost of one unit of work';
const RELATIVE = 'cost of one unit of work, relative to the smallest size';
/** A run that takes longer hangs. */
const RUN_WITHIN_MS = 240_000;
/** One whose rounds were all void, or that failed, is begun again so often. */
const RUN_TRIES = 3;

const { values: options } = benchOptions({
  options: {
    only: { type: 'string' },
    scales: { type: 'string', default: '1,2,4' },
    repeats: { type: 'string', default: '1' },
    'port-base': { type: 'string', default: '27000' },
    out: { type: 'string', default: 'growth' },
  },
});
const scales = options.scales.split(',').map(Number);
const only = options.only?.split(',');
const chosen = SERIES.filter(
  ({ bench, name }) => only === undefined || only.includes(bench) || only.includes(name.split(' ')[0] ?? ''),
);
if (chosen.length === 0)
  throw new Error(`nothing is named ${options.only}: ${SERIES.map(({ name }) => name).join('; ')}`);

interface Grown {
  readonly series: Series;
  readonly scale: number;
  readonly costs: readonly number[];
  readonly voidRounds: number;
}

/** Two series may look at the same run. */
const runs = new Map<string, Promise<BenchResult>>();

function run(series: Series, scale: number, turn: number): Promise<BenchResult> {
  const key = JSON.stringify([series.bench, series.args(scale), turn]);
  const running = runs.get(key) ?? runUntilCounted(series, scale);
  runs.set(key, running);
  return running;
}

async function runUntilCounted(series: Series, scale: number): Promise<BenchResult> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await runOnce(series, scale);
    } catch (thrown) {
      if (tries >= RUN_TRIES) throw thrown;
      process.stderr.write(`${thrown instanceof Error ? thrown.message : thrown}; once more\n`);
    }
  }
}

/** One program to its end; its result is taken from where it wrote it. Ended with us. */
async function runOnce(series: Series, scale: number): Promise<BenchResult> {
  const name = `tmp-growth-${process.pid}`;
  const args = [...series.args(scale), '--port-base', options['port-base'], '--out', name];
  const child = spawn(process.execPath, [join(ROOT, 'bench', `${series.bench}.ts`), ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: RUN_WITHIN_MS,
  });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGINT', pass).on('SIGTERM', pass);
  const [code] = (await once(child, 'exit')) as [number | null];
  process.off('SIGINT', pass).off('SIGTERM', pass);
  const file = join(RESULTS_DIR, `${name}.json`);
  if (code !== 0) throw new Error(`scripts/bench ${series.bench} ${args.join(' ')} ended with ${code ?? 'a signal'}`);
  const result = JSON.parse(readFileSync(file, 'utf8')) as BenchResult;
  rmSync(file);
  return result;
}

const grown: Grown[] = [];
const missing: string[] = [];
for (const series of chosen) {
  try {
    for (const scale of scales) {
      const results: BenchResult[] = [];
      for (let turn = 0; turn < Number(options.repeats); turn++) results.push(await run(series, scale, turn));
      const costs = results.map(series.cost);
      grown.push({ series, scale, costs, voidRounds: results.reduce((sum, { voidRounds }) => sum + voidRounds, 0) });
      process.stderr.write(`${series.name}, ${series.size(scale)}: ${costs.map(round).join(', ')} ${series.unit}\n`);
    }
  } catch (thrown) {
    // What others say is worth having without it; the result names what is missing.
    missing.push(series.name);
    process.stderr.write(`${series.name}: ${thrown instanceof Error ? thrown.message : thrown}\n`);
  }
}
report();

function report(): void {
  const smallest = (series: Series): number =>
    median(grown.find((one) => one.series === series && one.scale === scales[0])?.costs ?? []);
  const whole = grown.filter(({ series }) => !missing.includes(series.name));
  const measured = whole.flatMap(({ series, scale, costs }): BenchRow[] => {
    const about = { case: `${scale} times: ${series.size(scale)}`, side: series.name };
    const relative = costs.map((cost) => cost / smallest(series));
    return [
      rowOf({ ...about, metric: COST, unit: series.unit }, costs),
      rowOf({ ...about, metric: RELATIVE, unit: '' }, relative),
    ];
  });
  const committed = MEASURED_SERIES.flatMap(committedRows);
  const before = only === undefined ? undefined : readResults().get(options.out);
  const again = chosen.filter(({ name }) => before === undefined || !missing.includes(name));
  const kept = (before?.rows ?? []).filter(({ side }) => !again.some(({ name }) => name === side));
  const rows = [...kept.filter(({ side }) => !committed.some((row) => row.side === side)), ...measured, ...committed];
  const largest = `${scales.at(-1)} times`;
  const goals = rows
    .filter((row) => row.metric === RELATIVE && row.case.startsWith(largest))
    .map(
      (row): BenchGoal => ({
        figure: 'P10',
        what: `${row.side}: cost at ${largest} the size to that at the smallest`,
        value: row.median,
        unit: '×',
        atMost: LINEAR,
      }),
    );
  const voidRounds = whole.reduce((sum, one) => sum + one.voidRounds, kept.length > 0 ? (before?.voidRounds ?? 0) : 0);
  writeResult(options.out, {
    bench: 'growth',
    figure: 'P10',
    command: `scripts/bench growth --scales ${options.scales} --repeats ${options.repeats}`,
    versions: {},
    settings: { scales: options.scales, countsAsLinear: `up to ${LINEAR} times the smallest size's cost` },
    rounds: rows.filter(({ metric }) => metric === COST).reduce((sum, row) => sum + row.rounds, 0),
    voidRounds,
    rows,
    goals,
    notes: [
      'The cost of one unit of work is flat where all of it grows linearly, and falls where it grows better. One short round at each size unless the rows say otherwise.',
      ...goals.filter(({ value }) => value > LINEAR).map(({ what, value }) => `Not linear: ${what} is ${value}.`),
      ...missing
        .filter((name) => !rows.some(({ side }) => side === name))
        .map((name) => `Not measured, since its program failed: ${name}.`),
    ],
    plots: [
      {
        metric: RELATIVE,
        as: 'lines',
        title: 'Growth (P10): cost of one unit of work, 1 = as at the smallest size',
        x: 'times the smallest size',
      },
    ],
  });
}

/** None where that program has no result yet. */
function committedRows({ name, result, metric, unit }: MeasuredSeries): BenchRow[] {
  const found = (readResults().get(result)?.rows ?? []).filter((row) => row.metric === metric);
  const sizes = found.map((row) => Number(/\d[\d,]*/.exec(row.case)?.[0].replaceAll(',', '')));
  return found.flatMap((row, index): BenchRow[] => {
    const [size, smallest] = [sizes[index] as number, Math.min(...sizes)];
    const base = found[sizes.indexOf(smallest)]?.median ?? Number.NaN;
    const about = { case: `${size / smallest} times: ${row.case}`, side: name };
    const relative = [row.low, row.median, row.high].map((value) => value / base);
    return [
      { ...row, ...about, metric: COST, unit },
      { ...rowOf({ ...about, metric: RELATIVE, unit: '' }, relative), rounds: row.rounds },
    ];
  });
}
