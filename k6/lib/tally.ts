/** Counts in plain numbers and hands them to k6 now and then: a metric's `add` costs more than the event it counts. */
import { COUNTERS } from './metrics.ts';

export type Tally = Record<keyof typeof COUNTERS, number>;

const NAMES = Object.keys(COUNTERS) as (keyof typeof COUNTERS)[];

export function newTally(): Tally {
  return Object.fromEntries(NAMES.map((name) => [name, 0])) as Tally;
}

/** Zeros too: then the report shows that nothing was lost, instead of saying nothing of losses. */
export function flushAll(tally: Tally): void {
  for (const name of NAMES) {
    COUNTERS[name].add(tally[name]);
    tally[name] = 0;
  }
}

export function flush(tally: Tally): void {
  for (const name of NAMES) {
    if (tally[name] === 0) continue;
    COUNTERS[name].add(tally[name]);
    tally[name] = 0;
  }
}
