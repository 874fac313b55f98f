import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../../scripts/stack/root.ts';
import { type BenchResult, readResults } from '../support/result.ts';
import { reportOf } from './page.ts';

const IMAGES = join(ROOT, 'docs/images/bench');
const STALE = 'run scripts/bench report';

const row = { case: '20 events/s', metric: 'p99', unit: 'ms', low: 1, high: 3, rounds: 3 };
const result: BenchResult = {
  bench: 'example',
  figure: 'P1',
  command: 'scripts/bench example',
  takenAt: '2026-01-02T03:04:05.678Z',
  machine: { cpu: 'a processor', cores: 4, memoryGiB: 8, node: 'v24.0.0' },
  versions: { 'socket.io': '4.8.4' },
  settings: { members: 1000 },
  rounds: 6,
  voidRounds: 2,
  rows: [
    { ...row, side: 'roomlog', median: 2 },
    { ...row, side: '<other> & co', median: 2.5 },
  ],
  goals: [
    { figure: 'P1', what: 'deliveries', value: 12, unit: '×', atLeast: 10 },
    { figure: 'P1', what: 'p99', value: 51, unit: 'ms', atMost: 50 },
  ],
  notes: ['Peers have their best settings.'],
};
const page = (over: Partial<BenchResult> = {}) => reportOf(new Map([['example', { ...result, ...over }]])).page;

describe('docs/benchmarks.md', () => {
  test('is what the committed results make it', () => {
    expect(readFileSync(join(ROOT, 'docs/benchmarks.md'), 'utf8'), STALE).toBe(reportOf(readResults()).page);
  });

  test('has the pictures that the committed results make, and no others', () => {
    const { pictures } = reportOf(readResults());
    expect(readdirSync(IMAGES).sort(), STALE).toEqual(pictures.map(({ file }) => file).sort());
    for (const { file, svg } of pictures) expect(readFileSync(join(IMAGES, file), 'utf8'), STALE).toBe(svg);
  });

  test('says of each goal whether it is met, as computed from its value', () => {
    expect(page()).toContain('1 of 2 goals are met');
    expect(page()).toContain('| P1 | deliveries | at least 10 × | 12 × | met | [example](#example) |');
    expect(page()).toContain('| P1 | p99 | at most 50 ms | 51 ms | **not met** | [example](#example) |');
  });

  test('says how many rounds were thrown away, where, when and with which command', () => {
    expect(page()).toContain('6 rounds count, 2 were void and thrown away');
    expect(page()).toContain('2026-01-02 03:04 UTC; a processor, 4 cores, 8 GiB; Node v24.0.0; socket.io 4.8.4');
    expect(page()).toContain('```sh\nscripts/bench example\n```');
  });

  test('keeps the sides of a case together', () => {
    const rows = [
      { ...row, side: 'ours', median: 1 },
      { ...row, side: 'ours', median: 10, metric: 'p50' },
      { ...row, side: 'theirs', median: 2 },
    ];
    const sides = [...page({ rows }).matchAll(/\| (p\d+) \(ms\) \| (\w+) \|/g)].map(([, metric, side]) => [
      metric,
      side,
    ]);
    expect(sides).toEqual([
      ['p99', 'ours'],
      ['p99', 'theirs'],
      ['p50', 'ours'],
    ]);
  });

  test('draws bars of the first metric where a result asks for no picture', () => {
    const { pictures } = reportOf(new Map([['example', result]]));
    expect(pictures.map(({ file }) => file)).toEqual(['example.svg']);
    expect(pictures[0]?.svg).toContain('&lt;other&gt; &amp; co');
  });

  test('leaves cases out of it in which the first side has no figure', () => {
    const rows = [
      { ...row, side: 'ours', median: 1 },
      { ...row, side: 'theirs', median: 2 },
      { ...row, case: 'only theirs', side: 'theirs', median: 3 },
    ];
    const [picture] = reportOf(new Map([['example', { ...result, rows }]])).pictures;
    expect(picture?.svg).toContain('theirs');
    expect(picture?.svg).not.toContain('only theirs');
  });

  test('draws a line over the first number of each case', () => {
    const rows = ['1,000 rooms', '2,000 rooms'].map((what) => ({ ...row, case: what, side: 'roomlog', median: 2 }));
    const plots = [{ metric: 'p99', as: 'lines', x: 'rooms' }] as const;
    const [picture] = reportOf(new Map([['example', { ...result, rows, plots }]])).pictures;
    expect(picture?.svg.match(/<circle [^>]*r="4"/g)).toHaveLength(3);
    expect(picture?.svg).toContain('>rooms</text>');
  });

  test('refuses a plot that no row stands for', () => {
    expect(() => page({ plots: [{ metric: 'nothing', as: 'bars' }] })).toThrow('no row has');
  });
});
