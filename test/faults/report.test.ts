import { describe, expect, it } from 'vitest';
import { markdownOf, merged, type ReportedCase } from './report.ts';

const one = (number: number, changes: Partial<ReportedCase> = {}): ReportedCase => ({
  ...{ id: `case-${number}`, sabotage: null, number, name: `name ${number}`, verdict: 'passed', seed: 1, seconds: 10 },
  ...{ clients: 5, published: 100, acked: 99, unknown: 1, delivered: 500, gaps: 0, eventsInLog: 100, droppedInLog: 3 },
  ...{
    anomalies: {},
    firstAnomalies: [],
    guards: [],
    verify: null,
    notes: [],
    problems: [],
    commit: 'abc',
    command: '',
  },
  machine: { cpu: 'a', cores: 4, memoryGiB: 8, node: 'v24', date: 'today' },
  versions: { Roomlog: '0' },
  load: { clients: 5, publishesPerSecond: 5, churnPerSecond: 0, presence: false },
  faults: [],
  ...changes,
});
const fault = (name: string, recoveryMs: number | null) => ({
  ...{ name, evidence: 'gone', lastedMs: 1_000, recoveryFrom: 'begin' as const, recoveryMs, reconnectMs: null },
});

describe('the report', () => {
  it('replaces the cases that were run again and keeps the others, in the order of the table, sabotages last', () => {
    const sabotage = one(0, { id: 'sabotage-chain', sabotage: 'chain' });
    const cases = merged([sabotage, one(5), one(2, { commit: 'old' })], [one(2, { commit: 'new' }), one(19)]);
    expect(cases.map(({ id, commit }) => [id, commit])).toEqual([
      ['case-2', 'new'],
      ['case-5', 'abc'],
      ['case-19', 'abc'],
      ['sabotage-chain', 'abc'],
    ]);
  });

  it('shows the median and the worst R of a fault, and never where service did not come back', () => {
    const faults = [fault('a', 100), fault('a', 300), fault('a', 9_000), fault('b', 100), fault('b', null)];
    const text = markdownOf({ cases: [one(1, { faults })], notRun: [], notYet: [] });
    expect(text).toContain('| 1 | a | 3 | 1.0, 1.0 | begin | 0.3, 9.0 | – | gone |');
    expect(text).toContain('| 1 | b | 2 | 1.0, 1.0 | begin | never | – | gone |');
  });

  it('shows what was run on the other client in a section of its own, and never in place of the usual run', () => {
    const other = one(2, { id: 'case-2-platformatic', client: 'platformatic', published: 777 });
    const cases = merged([one(2)], [other]);
    expect(cases.map(({ id }) => id)).toEqual(['case-2', 'case-2-platformatic']);
    const [usual, its = ''] = markdownOf({ cases, notRun: [], notYet: [] }).split('## On @platformatic/kafka');
    expect(usual).toContain('| 2 name 2 | passed | 10 | 100 |');
    expect(usual).not.toContain('777');
    expect(its).toContain('| 2 name 2 | passed | 10 | 777 |');
  });

  it('tells failures, anomalies, and what is not written yet; never a missing case as passed', () => {
    const failed = one(3, { verdict: 'failed', anomalies: { lost: 2 }, problems: ['gateway-1 ended by itself'] });
    const text = markdownOf({ cases: [failed], notRun: [5], notYet: [11, 15] });
    expect(text).toContain('| 3 name 3 | failed | 10 | 100 | 99 | 1 | 500 | 3 | 2 lost | not run |');
    expect(text).toContain('case-3 FAILED: gateway-1 ended by itself');
    expect(text).toMatch(/## Not yet\n\n- 11: slow and stalled clients\n- 15: /);
    expect(text).toContain('## Written, not run here\n\n- 5: broker killed, 1 of 3, then 2 of 3\n');
    expect(text).not.toMatch(/\| (5|11) /);
  });
});
