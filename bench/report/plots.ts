/** Pictures of a result: those it asks for, else one of its first metric, in all cases in which the first side was measured. */
import type { BenchResult, BenchRow, Plot } from '../support/result.ts';
import { type BarGroup, barChart } from './bar-chart.ts';
import { lineChart } from './line-chart.ts';

export interface Picture {
  /** In docs/images/bench/. */
  readonly file: string;
  readonly alt: string;
  readonly svg: string;
}

export function picturesOf(name: string, result: BenchResult): Picture[] {
  const first = result.rows[0];
  if (first === undefined) return [];
  const compared = result.rows.filter(({ side, metric }) => side === first.side && metric === first.metric);
  const standard: Plot = { metric: first.metric, as: 'bars', cases: compared.map((row) => row.case) };
  const plots: readonly Plot[] = result.plots ?? [standard];
  return plots.map((plot, index) => {
    const rows = result.rows.filter(
      ({ metric, case: what }) => metric === plot.metric && (plot.cases === undefined || plot.cases.includes(what)),
    );
    if (rows.length === 0) throw new Error(`${name} asks for a plot of "${plot.metric}", which no row has`);
    const title = plot.title ?? `${result.bench}: ${plot.metric}`;
    const axis = withUnit(plot.metric, rows[0]?.unit ?? '');
    const svg =
      plot.as === 'lines' ? lines(title, axis, plot.x ?? 'case', rows) : barChart(title, axis, groupsOf(rows));
    return { file: index === 0 ? `${name}.svg` : `${name}-${index + 1}.svg`, alt: title, svg };
  });
}

export const withUnit = (metric: string, unit: string): string => (unit === '' ? metric : `${metric} (${unit})`);

/** One side everywhere: the cases are what is compared, and need no headings. */
function groupsOf(rows: readonly BenchRow[]): BarGroup[] {
  const bar = (label: string, row: BenchRow) => ({ label, value: row.median, low: row.low, high: row.high });
  if (new Set(rows.map(({ side }) => side)).size === 1) {
    return [{ label: '', bars: rows.map((row) => bar(row.case, row)) }];
  }
  return [...Map.groupBy(rows, (row) => row.case)].map(([label, inCase]) => ({
    label,
    bars: inCase.map((row) => bar(row.side, row)),
  }));
}

/** The first number in a case is its place: `4 × the rooms`, `1,000 events/s`. */
function numberIn(what: string): number {
  const found = /\d[\d,]*(\.\d+)?/.exec(what)?.[0];
  if (found === undefined) throw new Error(`the case "${what}" has no number to draw a line over`);
  return Number(found.replaceAll(',', ''));
}

function lines(title: string, axis: string, x: string, rows: readonly BenchRow[]): string {
  const bySide = [...Map.groupBy(rows, ({ side }) => side)].map(([label, ofSide]) => ({
    label,
    points: ofSide.map((row) => ({ x: numberIn(row.case), y: row.median, low: row.low, high: row.high })),
  }));
  return lineChart(title, { x, y: axis }, bySide);
}
