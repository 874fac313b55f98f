/** docs/metrics.md lists every metric that the sources declare: `vitest run --project unit test/unit/metrics-docs -u` writes it anew. */
import { globSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/command.ts';

/** By the beginning of a path; the first that fits. */
const SHOWN_BY = [
  ['gateway/workers/', 'Gateways with workers'],
  ['gateway/', 'Gateways'],
  ['consumers/sequencer/', 'Sequencers'],
  ['adapters/redis/', 'Gateways: Redis'],
  ['adapters/kafka/', 'Gateways and sequencers: Kafka'],
  ['adapters/', 'All processes'],
] as const;

interface Metric {
  readonly name: string;
  readonly kind: string;
  readonly help: string;
  readonly shownBy: string;
}

const sources = globSync(`${ROOT}/{gateway,consumers,adapters}/**/*.ts`)
  .filter((path) => !/\.(test|fixture)\.ts$/.test(path))
  .sort()
  .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }));

const metrics: Metric[] = sources.flatMap(({ path, text }) =>
  [...text.matchAll(/\b(counter|gauge|histogram)\(\s*'(roomlog_\w+)',\s*(['`])(.*?)\3/gs)].map(
    ([, kind = '', name = '', , help = '']) => ({
      name,
      kind,
      help,
      shownBy: SHOWN_BY.find(([begin]) => path.startsWith(begin))?.[1] ?? path,
    }),
  ),
);

function describeMetrics(): string {
  const parts = SHOWN_BY.map(([, shownBy]) => {
    const shown = new Map(
      metrics.filter((metric) => metric.shownBy === shownBy).map((metric) => [metric.name, metric]),
    );
    const rows = [...shown.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ name, kind, help }) => `| \`${name}\` | ${kind} | ${help.replaceAll('|', '\\|')} |`);
    return `## ${shownBy}\n\n| metric | kind | what |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `# Metrics

<!-- Generated from the sources by test/unit/metrics-docs.test.ts; edit the help texts there. -->

Gateways and sequencers show them at \`/metrics\` on their admin port, as Prometheus text. \`_ms\` are milliseconds, \`_bytes\` bytes, \`_seconds\` seconds; a histogram
\`x\` shows \`x_bucket\`, \`x_sum\` and \`x_count\`. Alerts on them: \`helm/roomlog/rules/roomlog.yaml\`, a plain rule file.

${parts.join('\n')}`;
}

test('docs/metrics.md lists every metric, with what it is', async () => {
  await expect(describeMetrics()).toMatchFileSnapshot(`${ROOT}/docs/metrics.md`);
});

test('no name is used that is not declared in a way that the list sees', () => {
  const listed = new Set(metrics.map(({ name }) => name));
  const used = sources.flatMap(({ text }) => text.match(/(?<=')roomlog_\w+(?=')/g) ?? []);
  expect(used.filter((name) => !listed.has(name))).toEqual([]);
});
