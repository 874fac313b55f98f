/** Cases in which a mechanism is taken out of the running system, and the checker has to notice. */
import type { AnomalyName } from '../checker/anomaly.ts';
import type { FaultCase } from './case.ts';

export interface Sabotage {
  readonly name: string;
  readonly scenario: FaultCase;
  /** At least one of these must be found. */
  readonly expected: readonly AnomalyName[];
}

export const SABOTAGES: readonly Sabotage[] = [];
