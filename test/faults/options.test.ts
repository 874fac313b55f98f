import { describe, expect, it } from 'vitest';
import { CASES, notYet, TABLE } from './cases.ts';
import { parseOptions, USAGE } from './options.ts';

describe('the command line of fault runs', () => {
  it('runs every case that there is, unless told which', () => {
    expect(parseOptions([]).cases).toEqual(CASES.map(({ number }) => number));
    expect(parseOptions(['2', '5']).cases).toEqual([2, 5]);
  });

  it('refuses a case that nobody has written, and says so', () => {
    const [missing] = notYet();
    if (missing !== undefined) expect(() => parseOptions([String(missing)])).toThrow(/is not written yet/);
    expect(() => parseOptions(['99'])).toThrow(/99 is no case/);
    expect(() => parseOptions(['--seconds', 'long', '--sabotage', 'nothing'])).toThrow(
      /--sabotage nothing.*--seconds/s,
    );
  });

  it('takes --report with and without a folder, also before a case', () => {
    expect(parseOptions([]).report).toBeNull();
    expect(parseOptions(['--report']).report).toBe('docs/reports');
    expect(parseOptions(['--report', '2'])).toMatchObject({ report: 'docs/reports', cases: [2] });
    expect(parseOptions(['--report', '/tmp/r', '--seed', '7'])).toMatchObject({ report: '/tmp/r', seed: 7 });
  });

  it('runs on either Kafka client, and on no other', () => {
    expect(parseOptions([]).client).toBe('kafkajs');
    expect(parseOptions(['--kafka-client', 'platformatic', '2'])).toMatchObject({ client: 'platformatic', cases: [2] });
    expect(() => parseOptions(['--kafka-client', 'none'])).toThrow(/--kafka-client none is unknown/);
  });

  it('has a short form for CI, each fault once', () => {
    const short = parseOptions(['--short']);
    expect(short).toMatchObject({ cases: [1, 2, 3, 5, 6], seconds: 1 });
    expect(short.load.clients).toBeLessThan(parseOptions([]).load.clients);
  });

  it('lists the whole table, and every case once under its name in it', () => {
    for (const { number, name } of CASES) expect(TABLE.get(number)).toBe(name);
    expect(new Set(CASES.map(({ number }) => number)).size).toBe(CASES.length);
    for (const number of notYet()) expect(USAGE).toContain(`${TABLE.get(number)} (not yet)`);
  });
});
