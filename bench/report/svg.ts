/** The parts that bar and line charts share: numbers for people, ticks, texts, and a frame that can be read on light and on dark pages. */

/** Units of the drawing; the file scales. */
export const CHART_WIDTH = 820;
export const FONT_SIZE = 13;
/** Mean width of a character, as share of the font's size: enough to keep labels apart, not to typeset. */
const CHARACTER_WIDTH = 0.56;
/** Told apart with any kind of colour vision (after Okabe and Ito), for light and for dark ground. */
const COLOURS = [
  ['#0072b2', '#56b4e9'],
  ['#d55e00', '#f0883e'],
  ['#009e73', '#3fcf9f'],
  ['#b5548c', '#e39ac6'],
  ['#8a6d00', '#e8c14a'],
  ['#57606a', '#a8b1bb'],
] as const;

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

export const textWidth = (text: string, size = FONT_SIZE): number => Math.ceil(text.length * size * CHARACTER_WIDTH);

/** Class of the side with this index; more sides than colours begin again. */
export const colourOf = (index: number): string => `c${index % COLOURS.length}`;

/** Three digits that matter, thousands apart: 1,234,567 and 0.12. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-GB');
  return Number(value.toPrecision(3)).toLocaleString('en-GB', { maximumFractionDigits: 4 });
}

/** As an axis has it: 250k, 1.5M. */
export function shortFigure(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 10_000) return `${Number((value / 1e3).toPrecision(3))}k`;
  return figure(value);
}

/** Round steps from 0 to at least `max`: about four of them. */
export function ticksTo(max: number): number[] {
  if (!(max > 0)) return [0, 1];
  const rough = max / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, index) => Number((index * step).toPrecision(12)));
}

export interface TextAt {
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly kind?: 'strong' | 'faint';
}

export function text(x: number, y: number, content: string, { anchor = 'start', kind }: TextAt = {}): string {
  const style = kind === undefined ? '' : ` class="${kind}"`;
  return `<text x="${place(x)}" y="${place(y)}" text-anchor="${anchor}"${style}>${escaped(content)}</text>`;
}

export const place = (value: number): string => String(Math.round(value * 10) / 10);

/** The whole file. `title` is also what is read out. */
export function drawing(title: string, height: number, parts: readonly string[]): string {
  const fills = (index: 0 | 1) =>
    COLOURS.map((pair, at) => `.c${at}{fill:${pair[index]};stroke:${pair[index]}}`).join('');
  const style =
    `text{font:${FONT_SIZE}px system-ui,sans-serif;fill:#1f2328}.strong{font-weight:600}.faint{fill:#59636e}` +
    `.ground{fill:#fff;stroke:#d1d9e0}.grid{stroke:#d1d9e0}.range{stroke:#1f2328;stroke-width:1.5}.line{fill:none;stroke-width:2.5}${fills(0)}` +
    `@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.faint{fill:#9198a1}.ground{fill:#0d1117;stroke:#3d444d}.grid{stroke:#3d444d}.range{stroke:#f0f6fc}${fills(1)}}` +
    '.line{fill:none}';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${CHART_WIDTH} ${place(height)}" width="${CHART_WIDTH}" height="${place(height)}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${CHART_WIDTH - 1}" height="${place(height - 1)}" rx="6"/>`,
    text(16, 26, title, { kind: 'strong' }),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
