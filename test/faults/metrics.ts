/** Reads Prometheus' text format, as far as the harness needs it: `name{label="value",…} number`. */

const READ_WITHIN_MS = 15_000;

export interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** `admin`: base URL of a process's admin port. */
export async function readMetrics(admin: string): Promise<Series[]> {
  const response = await fetch(`${admin}/metrics`, { signal: AbortSignal.timeout(READ_WITHIN_MS) });
  return parseMetrics(await response.text());
}

export function parseMetrics(text: string): Series[] {
  const found: Series[] = [];
  for (const line of text.split('\n')) {
    const [, name, labels = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line) ?? [];
    if (name === undefined) continue;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text]);
    found.push({ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) });
  }
  return found;
}

/** Sum over the series that have these labels. */
export function metricOf(series: readonly Series[], name: string, labels: Readonly<Record<string, string>>): number {
  return series
    .filter((one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
    .reduce((sum, one) => sum + one.value, 0);
}
