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
const TIMEOUT_MS = 300_000;
const MAIN = join(import.meta.dirname, 'main.ts');
const execute = promisify(execFile);

const all = { from: 1, minutes: Number.POSITIVE_INFINITY, workers: 2, versions: null, sabotage: null };

/** What processes have to have said, and how often at least. */
const MET = {
  'partition taken over': SEEDS,
  'fenced by a later claim': SEEDS / 20,
  'a batch was not confirmed': SEEDS / 10,
  'snapshot written': SEEDS,
  'snapshot loaded': SEEDS / 10,
  'a snapshot is not used: its bytes are not those that were written': SEEDS / 100,
};

const failuresOf = ({ failures }: Totals) =>
  failures.map(
    ({ seed, versions, anomalies }) =>
      `scripts/test-simulation --seed ${seed} --versions ${versions} --trace: ${anomalies.join('\n')}`,
  );

/** In a process of its own. */
async function hashOf(seed: number): Promise<string> {
  const { stdout } = await execute(process.execPath, [MAIN, '--seed', String(seed), '--trace'], {
    maxBuffer: 64 * 1_048_576,
  });
  return stdout;
}

describe('the simulated system', { timeout: TIMEOUT_MS }, () => {
  it('keeps every promise in thousands of runs with faults drawn from their seeds', async () => {
    const totals = await runSeeds({ ...all, seeds: SEEDS });
    console.info(
      `simulation: ${totals.runs} runs, ${totals.acked} of ${totals.published} publishes acked, ${totals.delivered} deliveries, ${totals.dropped} of ${totals.dropped + totals.events} records dropped`,
    );
    expect(failuresOf(totals)).toEqual([]);
    expect(totals.runs).toBe(SEEDS);
    // A search that meets nothing proves nothing.
    expect(totals.acked).toBeGreaterThan(20 * SEEDS);
    expect(totals.delivered).toBeGreaterThan(100 * SEEDS);
    expect(totals.dropped).toBeGreaterThan(SEEDS / 2);
    for (const fault of FAULTS) expect(totals.faults[fault], fault).toBeGreaterThan(SEEDS / 5);
    for (const [message, least] of Object.entries(MET))
      expect(totals.said[message] ?? 0, message).toBeGreaterThan(least);
  });

  it('takes the same steps again for the same seed, in another process', async () => {
    for (const seed of [3, 7]) {
      const [first, second] = await Promise.all([hashOf(seed), hashOf(seed)]);
      expect(second).toBe(first);
      expect(first).toMatch(/trace [0-9a-f]{16}/);
    }
    expect(await hashOf(8)).not.toBe(await hashOf(9));
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
