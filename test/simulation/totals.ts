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
  /** Lines that processes logged, by message. */
  said: Record<string, number>;
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
  said: {},
  failures: [],
});

/** Two versions of the decision in every third run. */
export const versionsOf = (seed: number, wish: 1 | 2 | null): 1 | 2 => wish ?? (seed % 3 === 0 ? 2 : 1);

export function count(totals: Totals, result: RunResult, versions: 1 | 2): void {
  const { seed, hash, anomalies, faults, said, ms } = result;
  totals.runs++;
  totals.published += result.published;
  totals.acked += result.acked;
  totals.delivered += result.delivered;
  totals.events += result.events;
  totals.dropped += result.dropped;
  totals.virtualMs += ms;
  addTo(totals.faults, faults);
  addTo(totals.said, said);
  if (anomalies.length > 0) totals.failures.push({ seed, versions, hash, anomalies });
}

export function add(totals: Totals, more: Totals): void {
  for (const name of ['runs', 'published', 'acked', 'delivered', 'events', 'dropped', 'virtualMs'] as const) {
    totals[name] += more[name];
  }
  addTo(totals.faults, Object.entries(more.faults));
  addTo(totals.said, Object.entries(more.said));
  totals.failures.push(...more.failures);
}

function addTo(counts: Record<string, number>, more: Iterable<readonly [string, number]>): void {
  for (const [name, times] of more) counts[name] = (counts[name] ?? 0) + times;
}
