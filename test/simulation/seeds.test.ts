/** Thousands of runs, and what makes them worth something: that they can be had again, and that they find what is broken. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { FAULTS } from './plan.ts';
import { runSeeds } from './pool.ts';
import { SABOTAGES } from './sabotage.ts';
import type { Totals } from './totals.ts';

/** More of them, or others: scripts/test-simulation. */
const SEEDS = 2_000;
/** A machine that does other things too runs fewer, but never fewer than these. */
const LONGEST_MINUTES = 1.75;
const LEAST_RUNS = 300;
const TIMEOUT_MS = 300_000;
const MAIN = join(import.meta.dirname, 'main.ts');
const execute = promisify(execFile);

const all = { from: 1, minutes: Number.POSITIVE_INFINITY, workers: 2, versions: null, sabotage: null };

/** What processes have to have said, and how often at least, per run. */
const MET = {
  'partition taken over': 1,
  'fenced by a later claim': 0.05,
  'a batch was not confirmed': 0.1,
  'snapshot written': 1,
  'snapshot loaded': 0.1,
  'a snapshot is not used: its bytes are not those that were written': 0.01,
};

const failuresOf = ({ failures }: Totals) =>
  failures.map(
    ({ seed, versions, anomalies }) =>
      `scripts/test-simulation --seed ${seed} --versions ${versions} --trace: ${anomalies.join('\n')}`,
  );

/** In a process of its own: the trace and its hash. What follows tells how long it really took. */
async function traceOf(seed: number): Promise<string> {
  const { stdout } = await execute(process.execPath, [MAIN, '--seed', String(seed), '--trace'], {
    maxBuffer: 64 * 1_048_576,
  });
  const lines = stdout.split('\n');
  return lines.slice(0, lines.findIndex((line) => line.startsWith(`seed ${seed}: trace`)) + 1).join('\n');
}

describe('the simulated system', { timeout: TIMEOUT_MS }, () => {
  it('keeps every promise in thousands of runs with faults drawn from their seeds', async () => {
    const totals = await runSeeds({ ...all, seeds: SEEDS, minutes: LONGEST_MINUTES });
    const { runs, acked, published, delivered, dropped, events, faults, said } = totals;
    console.info(
      `simulation: ${runs} runs, ${acked} of ${published} publishes acked, ${delivered} deliveries, ${dropped} of ${dropped + events} records dropped`,
    );
    expect(failuresOf(totals)).toEqual([]);
    expect(runs).toBeGreaterThanOrEqual(LEAST_RUNS);
    // A search that meets nothing proves nothing.
    expect(acked).toBeGreaterThan(20 * runs);
    expect(delivered).toBeGreaterThan(100 * runs);
    expect(dropped).toBeGreaterThan(runs / 2);
    for (const fault of FAULTS) expect(faults[fault], fault).toBeGreaterThan(runs / 10);
    for (const [message, least] of Object.entries(MET)) expect(said[message], message).toBeGreaterThan(least * runs);
  });

  it('takes the same steps again for the same seed, in another process', async () => {
    for (const seed of [3, 7]) {
      const [first, second] = await Promise.all([traceOf(seed), traceOf(seed)]);
      expect(second).toBe(first);
      expect(first).toMatch(/trace [0-9a-f]{16}/);
    }
    expect(await traceOf(8)).not.toBe(await traceOf(9));
  });
});

describe('the simulation', { timeout: TIMEOUT_MS }, () => {
  const cases = Object.entries(SABOTAGES).map(([name, sabotage]) => ({ name, ...sabotage }));

  it.each(cases)('finds $name: $about', async ({ name, versions, withinSeeds }) => {
    const totals = await runSeeds({ ...all, seeds: withinSeeds, versions, sabotage: name });
    expect(totals.failures.length).toBeGreaterThan(0);
  });

  it('gives up on a sabotage that is not there, instead of finding nothing', async () => {
    await expect(runSeeds({ ...all, seeds: 1, sabotage: 'none such' })).rejects.toThrow(/a worker ended with 1/);
  });
});
