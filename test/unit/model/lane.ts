/** How far the model is explored. `ROOMLOG_TEST_MODEL=deep` adds the scopes that take minutes and gigabytes. */
import { expect } from 'vitest';
import { explore } from './explore.ts';
import type { Explored, Scope } from './explored.ts';
import { PRODUCTION } from './mutants.ts';
import type { Scenario } from './scenario.ts';

export const DEEP = process.env.ROOMLOG_TEST_MODEL === 'deep';
/** Some seconds on a free core; a busy machine takes its time. */
export const EXPLORATION_TIMEOUT_MS = DEEP ? 3_600_000 : 180_000;

/** Explores the real thing, says how much that was, and expects it to hold and to have met at least so many states. */
export function expectToHold(scenario: Scenario, scope: Scope, leastStates: number): Explored {
  const startedAt = performance.now();
  const explored = explore({ scenario, scope, mutant: PRODUCTION });
  const { met, violation } = explored;
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  const { claims, copies, batch } = scope;
  console.info(
    `model: ${scenario.name}: ${claims} claims, ${copies} copies, batches of ${batch}: ${met.states} states, ${met.steps} steps, ${met.logs} logs of up to ${met.longestLog} records, ${seconds} s`,
  );
  expect(violation).toBeNull();
  expect(met.states).toBeGreaterThanOrEqual(leastStates);
  return explored;
}
