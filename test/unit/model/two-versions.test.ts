/** Two writers of which each would answer some records differently, as in a rolling upgrade. docs/model.md. */
import { describe, expect, it } from 'vitest';
import { DEEP, EXPLORATION_TIMEOUT_MS, expectToHold } from './lane.ts';
import { TWO_VERSIONS, TWO_VERSIONS_IN_A_ROW } from './scenario.ts';

describe('two writers of two versions', { timeout: EXPLORATION_TIMEOUT_MS }, () => {
  it('keep the log sound with three claims, late and reordered appends, and crashes', () => {
    const { met } = expectToHold(TWO_VERSIONS, { claims: 3, copies: 0, batch: 2 }, 200_000);
    expect(met.stale).toBeGreaterThan(1_000);
    expect(met.fromClaims).toBeGreaterThan(1_000);
  });

  it('keep the log sound when appends and claims arrive twice', () => {
    const { met } = expectToHold(TWO_VERSIONS, { claims: 2, copies: 1, batch: 2 }, 70_000);
    expect(met.repeatedClaims).toBeGreaterThan(50);
    expect(met.repeats).toBeGreaterThan(100);
  });

  it('agree on a session’s second publish, whichever of them answered the first', () => {
    expectToHold(TWO_VERSIONS_IN_A_ROW, { claims: 2, copies: 1, batch: 2 }, 50_000);
  });

  // Not skipped but absent: what the deep lane adds is not a hole of the quick one.
  if (DEEP) {
    it('keep the log sound when two appends arrive twice', () => {
      expectToHold(TWO_VERSIONS, { claims: 2, copies: 2, batch: 2 }, 900_000);
    });

    it('keep the log sound with three claims and a copy', () => {
      expectToHold(TWO_VERSIONS, { claims: 3, copies: 1, batch: 1 }, 4_000_000);
    });
  }
});
