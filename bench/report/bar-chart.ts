/** Lying bars: a group for each case, a bar for each side in it, with a whisker over the range of the rounds. */
import { CHART_WIDTH, colourOf, drawing, figure, place, shortFigure, text, textWidth, ticksTo } from './svg.ts';

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

export interface BarGroup {
  readonly label: string;
  readonly bars: readonly Bar[];
}

const TOP = 44;
const BAR = 20;
const GAP = 6;
const HEADING = 24;
const AXIS = 46;
const MARGIN = 16;

/** Sides keep their colour over all groups; a lone group without a label has one colour. `axis` names what is measured, with its unit. */
export function barChart(title: string, axis: string, groups: readonly BarGroup[]): string {
  const bars = groups.flatMap((group) => group.bars);
  const labels = [...new Set(bars.map(({ label }) => label))];
  const left = MARGIN + Math.max(...labels.map((label) => textWidth(label))) + 10;
  const ticks = ticksTo(Math.max(...bars.map(({ high }) => high)));
  const max = ticks.at(-1) as number;
  const right = CHART_WIDTH - MARGIN - Math.max(...bars.map(({ value }) => textWidth(figure(value)))) - 10;
  const x = (value: number) => left + ((right - left) * Math.max(0, value)) / max;

  const marks: string[] = [];
  let y = TOP;
  for (const group of groups) {
    if (group.label !== '') marks.push(text(MARGIN, y + 15, group.label, { kind: 'faint' }));
    y += group.label === '' ? 0 : HEADING;
    for (const { label, value, low, high } of group.bars) {
      const middle = y + BAR / 2;
      marks.push(
        text(left - 8, middle + 4.5, label, { anchor: 'end' }),
        `<rect class="${colourOf(group.label === '' ? 0 : labels.indexOf(label))}" x="${place(left)}" y="${place(y)}" width="${place(Math.max(1, x(value) - left))}" height="${BAR}"/>`,
      );
      if (high > low) {
        marks.push(
          `<path class="range" d="M${place(x(low))} ${place(middle)}H${place(x(high))}M${place(x(low))} ${place(middle - 4)}v8M${place(x(high))} ${place(middle - 4)}v8"/>`,
        );
      }
      marks.push(text(Math.max(x(value), x(high)) + 6, middle + 4.5, figure(value)));
      y += BAR + GAP;
    }
    y += GAP;
  }
  const grid = ticks.flatMap((tick) => [
    `<path class="grid" d="M${place(x(tick))} ${TOP - 6}V${place(y)}"/>`,
    text(x(tick), y + 16, shortFigure(tick), { anchor: 'middle', kind: 'faint' }),
  ]);
  const name = text((left + right) / 2, y + 34, axis, { anchor: 'middle', kind: 'faint' });
  return drawing(title, y + AXIS, [...grid, ...marks, name]);
}
