/** What many runs came to. */
import type { RunResult } from './run.ts';

export interface Failure {
  readonly seed: number;
  readonly versions: 1 | 2;
  readonly hash: string;
  readonly anomalies: readonly string[];
}

export interface Totals {
  runs: number;
  published: number;
  acked: number;
  delivered: number;
  events: number;
  /** Records of fenced writers and repeats. */
  dropped: number;
  /** Virtual time, ms. */
  virtualMs: number;
  /** Times that each fault was made. */
  faults: Record<string, number>;
  failures: Failure[];
}

export const noTotals = (): Totals => ({
  runs: 0,
  published: 0,
  acked: 0,
  delivered: 0,
  events: 0,
  dropped: 0,
  virtualMs: 0,
  faults: {},
  failures: [],
});

/** Two versions of the decision in every third run. */
export const versionsOf = (seed: number, wish: 1 | 2 | null): 1 | 2 => wish ?? (seed % 3 === 0 ? 2 : 1);

export function count(totals: Totals, result: RunResult, versions: 1 | 2): void {
  const { seed, hash, anomalies, faults, ms } = result;
  totals.runs++;
  totals.published += result.published;
  totals.acked += result.acked;
  totals.delivered += result.delivered;
  totals.events += result.events;
  totals.dropped += result.dropped;
  totals.virtualMs += ms;
  for (const [fault, times] of faults) totals.faults[fault] = (totals.faults[fault] ?? 0) + times;
  if (anomalies.length > 0) totals.failures.push({ seed, versions, hash, anomalies });
}

export function add(totals: Totals, more: Totals): void {
  for (const name of ['runs', 'published', 'acked', 'delivered', 'events', 'dropped', 'virtualMs'] as const) {
    totals[name] += more[name];
  }
  for (const [fault, times] of Object.entries(more.faults)) totals.faults[fault] = (totals.faults[fault] ?? 0) + times;
  totals.failures.push(...more.failures);
}
