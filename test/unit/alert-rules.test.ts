/** The chart's alerts are about metrics that exist, and about every alarm. */
import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../support/command.ts';

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const file = readFileSync(`${ROOT}/helm/roomlog/rules/roomlog.yaml`, 'utf8');
const { groups } = parse(file) as { groups: ReadonlyArray<{ name: string; rules: readonly Rule[] }> };
const rules = groups.flatMap((group) => group.rules);
const sources = globSync(`${ROOT}/{gateway,consumers,adapters}/**/*.ts`)
  .filter((path) => !path.endsWith('.test.ts'))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n');

test.each(rules.map((rule) => [rule.alert, rule] as const))('%s asks for metrics that processes show', (_, rule) => {
  const metrics = rule.expr.match(/roomlog_\w+/g) ?? [];
  expect(metrics).not.toEqual([]);
  for (const metric of metrics) expect(sources).toContain(`'${metric}'`);
  expect(rule.labels.severity).toMatch(/^(critical|warning)$/);
  expect(rule.annotations.summary).not.toBe('');
});

test('every raised alarm pages, whichever it is', () => {
  expect(rules.filter(({ expr }) => expr.includes('roomlog_alarms_raised) > 0'))).toHaveLength(1);
});
