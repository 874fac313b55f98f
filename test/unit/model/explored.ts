/** What an exploration is asked for and what it brings back. */
import type { Offset } from '../../../core/ids.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import type { Mutant } from './mutants.ts';
import type { Violation } from './properties.ts';
import type { ReaderCounts } from './readers.ts';
import type { Scenario } from './scenario.ts';

export interface Scope {
  /** Claims sent, by either writer. */
  readonly claims: number;
  /** Appends sent again or arriving twice. */
  readonly copies: number;
  /** Inbound records in one batch, at most. */
  readonly batch: number;
}

export interface ExploreOptions {
  readonly scenario: Scenario;
  readonly scope: Scope;
  readonly mutant: Mutant;
  /** Told every longest log at the end of an exploration without a violation, and the offsets accepted. */
  readonly onLongest?: (log: readonly OutboundRecord[], accepted: readonly Offset[]) => void;
}

/** What the exploration has met; a search that meets nothing proves nothing. */
export interface Met extends ReaderCounts {
  states: number;
  steps: number;
  logs: number;
  longestLog: number;
  crashes: number;
  fenced: number;
  late: number;
  repeatedClaims: number;
  sentAgain: number;
  decidedAhead: number;
  stale: number;
  repeats: number;
}

/** `log`: what shows it, for people; `finished`: that log after the next owner, of either version, has done its work. */
export interface Found extends Violation {
  readonly log: readonly string[];
  readonly finished: ReadonlyArray<readonly OutboundRecord[]>;
}

export interface Explored {
  readonly met: Met;
  readonly violation: Found | null;
}

export const nothingMet = (): Met => ({
  states: 0,
  steps: 0,
  logs: 0,
  longestLog: 0,
  crashes: 0,
  fenced: 0,
  late: 0,
  repeatedClaims: 0,
  sentAgain: 0,
  decidedAhead: 0,
  stale: 0,
  repeats: 0,
  fromClaims: 0,
  fromAnchors: 0,
  fromSnapshots: 0,
  fromForgedPlaces: 0,
  missingARecord: 0,
});
