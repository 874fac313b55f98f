/** A line for each side over a number: how something grows. Points carry a whisker over the range of the rounds. */
import { CHART_WIDTH, colourOf, drawing, place, shortFigure, text, textWidth, ticksTo } from './svg.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
}

export interface Line {
  readonly label: string;
  readonly points: readonly Point[];
}

const TOP = 66;
const BOTTOM = 340;
const HEIGHT = 392;
const MARGIN = 16;
/** A label needs so much from one line to the next. */
const LABEL_HEIGHT = 17;

/** Both axes begin at 0, so that linear growth is a straight line through the corner. */
export function lineChart(
  title: string,
  axes: { readonly x: string; readonly y: string },
  lines: readonly Line[],
): string {
  const points = lines.flatMap((line) => line.points);
  const xTicks = ticksTo(Math.max(...points.map(({ x }) => x)));
  const yTicks = ticksTo(Math.max(...points.map(({ high }) => high)));
  const left = MARGIN + Math.max(...yTicks.map((tick) => textWidth(shortFigure(tick)))) + 10;
  const right = CHART_WIDTH - MARGIN - Math.max(...lines.map(({ label }) => textWidth(label))) - 26;
  const atX = (value: number) => left + ((right - left) * value) / (xTicks.at(-1) as number);
  const atY = (value: number) => BOTTOM - ((BOTTOM - TOP) * value) / (yTicks.at(-1) as number);

  const grid = [
    ...yTicks.flatMap((tick) => [
      `<path class="grid" d="M${place(left)} ${place(atY(tick))}H${place(right)}"/>`,
      text(left - 8, atY(tick) + 4.5, shortFigure(tick), { anchor: 'end', kind: 'faint' }),
    ]),
    ...xTicks.map((tick) => text(atX(tick), BOTTOM + 18, shortFigure(tick), { anchor: 'middle', kind: 'faint' })),
    text(MARGIN, TOP - 16, axes.y, { kind: 'faint' }),
    text((left + right) / 2, BOTTOM + 38, axes.x, { anchor: 'middle', kind: 'faint' }),
  ];
  const marks = lines.flatMap((line, index) => {
    const sorted = [...line.points].sort((a, b) => a.x - b.x);
    const path = sorted.map(({ x, y }, at) => `${at === 0 ? 'M' : 'L'}${place(atX(x))} ${place(atY(y))}`).join('');
    const whiskers = sorted
      .filter(({ low, high }) => high > low)
      .map(({ x, low, high }) => `M${place(atX(x))} ${place(atY(low))}V${place(atY(high))}`);
    return [
      ...(whiskers.length === 0 ? [] : [`<path class="range" d="${whiskers.join('')}"/>`]),
      `<path class="${colourOf(index)} line" d="${path}"/>`,
      ...sorted.map(
        ({ x, y }) => `<circle class="${colourOf(index)}" cx="${place(atX(x))}" cy="${place(atY(y))}" r="4"/>`,
      ),
    ];
  });
  // Labels stand at the lines' ends, moved apart where lines end close to each other.
  const ends = lines
    .map((line) => [...line.points].sort((a, b) => a.x - b.x).at(-1) as Point)
    .map((end, index) => ({ label: lines[index]?.label ?? '', colour: colourOf(index), x: atX(end.x), y: atY(end.y) }))
    .sort((a, b) => a.y - b.y);
  let above = Number.NEGATIVE_INFINITY;
  const labels = ends.flatMap(({ label, colour, x, y }) => {
    above = Math.max(y + 4.5, above + LABEL_HEIGHT);
    return [
      `<circle class="${colour}" cx="${place(x + 14)}" cy="${place(above - 4.5)}" r="4"/>`,
      text(x + 22, above, label),
    ];
  });
  return drawing(title, HEIGHT, [...grid, ...marks, ...labels]);
}
