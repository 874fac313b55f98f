/** The checker is tested by runs that it has to find guilty of exactly one thing, and by runs without fault. */
import { describe, expect, it } from 'vitest';
import { ANOMALIES } from './anomaly.ts';
import { type CheckOptions, check } from './check.ts';
import { CLIENT_MUTATIONS } from './client-mutations.ts';
import { GENERATED_PRESENCE_WITHIN_MS, generate, randomOf } from './generate.ts';
import { parseHistory } from './history.ts';
import { parseLog } from './log-line.ts';
import { LOG_MUTATIONS } from './log-mutations.ts';

const MUTATIONS = [...LOG_MUTATIONS, ...CLIENT_MUTATIONS];
const OPTIONS: CheckOptions = {
  presenceWithinMs: GENERATED_PRESENCE_WITHIN_MS,
  leastAcked: 20,
  leastDelivered: 20,
  faults: ['broker-killed'],
};
const SEEDS = Array.from({ length: 150 }, (_, index) => index + 1);
/** Made once: mutations change copies. */
const RUNS = SEEDS.map((seed) => ({ seed, run: generate(seed) }));
/** Not every run has a place for every mutation. */
const LEAST_APPLIED = 30;

describe('the checker', { timeout: 60_000 }, () => {
  it('finds nothing in valid histories, and counts them', () => {
    const met = { gaps: 0, unknown: 0, dropped: 0, delivered: 0 };
    for (const { seed, run } of RUNS) {
      const { history, log } = run;
      const report = check(history, log, OPTIONS);
      expect({ seed, anomalies: report.anomalies, guards: report.guards }).toEqual({ seed, anomalies: [], guards: [] });
      expect(report.passed).toBe(true);
      met.gaps += report.gaps;
      met.unknown += report.unknown;
      met.dropped += report.droppedInLog;
      met.delivered += report.delivered;
    }
    // What must not be held against a run was there.
    expect(Math.min(...Object.values(met))).toBeGreaterThan(SEEDS.length);
  });

  it('has a mutation for each of its anomalies', () => {
    expect(new Set(MUTATIONS.map(({ name }) => name))).toEqual(new Set(ANOMALIES));
  });

  it.each(MUTATIONS)('says $name, and nothing else, where $what', ({ name, apply }) => {
    let applied = 0;
    for (const { seed, run } of RUNS) {
      const mutated = apply(run, randomOf(seed + 1_000));
      if (mutated === null) continue;
      applied++;
      const { anomalies, passed } = check(mutated.history, mutated.log, OPTIONS);
      const names = [...new Set(anomalies.map((anomaly) => anomaly.name))];
      expect({ seed, names, anomalies: names.join() === name ? [] : anomalies }).toEqual({
        seed,
        names: [name],
        anomalies: [],
      });
      expect(passed).toBe(false);
    }
    expect(applied).toBeGreaterThanOrEqual(LEAST_APPLIED);
  });

  it('reads what it was given as JSON lines, and refuses what it can’t read', () => {
    const { history, log } = generate(1);
    const text = history.map((line) => JSON.stringify(line)).join('\n');
    const logText = log.map((line) => JSON.stringify(line)).join('\n');
    expect(parseHistory(`${text}\n`)).toEqual(history);
    expect(parseLog(`${logText}\n`)).toEqual(log);
    expect(() => parseLog('{"partition":0}')).toThrow(/Line 1/);
    expect(() => parseLog(logText.slice(0, -1))).toThrow(/no JSON/);
    expect(check(parseHistory(text), log, OPTIONS).passed).toBe(true);
    expect(() => parseHistory('{"type":"delivered","at":1}')).toThrow(/Line 1 .*delivered/);
    expect(() => parseHistory('{"type":"ack","process":"a","at":1,"client":"c","op":"o"}')).toThrow(/seq/);
  });
});
