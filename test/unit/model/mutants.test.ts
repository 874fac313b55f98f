/** Each mechanism taken away: the exploration that finds nothing wrong with the real thing finds what it was for. */
import { describe, expect, it } from 'vitest';
import { explore } from './explore.ts';
import type { Explored, Scope } from './explored.ts';
import { EXPLORATION_TIMEOUT_MS } from './lane.ts';
import {
  ANSWERS_FROM_RESPONSE,
  BELIEVES_THE_FIRST,
  type Mutant,
  NO_CHAIN_CHECK,
  NO_DIGEST,
  NO_EPOCH_CHECK,
  PRODUCTION,
  REBUILDS_BEFORE_CLAIM,
  REPEATED_CLAIM_IS_NOTHING,
  SNAPSHOT_OF_LIVE_STATE,
  SNAPSHOT_WITHOUT_LAST_INBOUND,
} from './mutants.ts';
import type { Property } from './properties.ts';
import { OTHER_CONTENT, type Scenario, SENT_AGAIN, shortened, TWO_VERSIONS } from './scenario.ts';

const ONE = shortened(SENT_AGAIN, 1);
const PLAIN: Scope = { claims: 2, copies: 0, batch: 1 };
const THREE_CLAIMS: Scope = { claims: 3, copies: 0, batch: 1 };
const WITH_A_COPY: Scope = { claims: 2, copies: 1, batch: 1 };

const CASES: ReadonlyArray<readonly [Mutant, Scenario, Scope, Property]> = [
  [NO_CHAIN_CHECK, ONE, WITH_A_COPY, 'no fault'],
  [NO_CHAIN_CHECK, shortened(OTHER_CONTENT, 2), PLAIN, 'missed records noticed'],
  [REBUILDS_BEFORE_CLAIM, TWO_VERSIONS, PLAIN, 'no fault'],
  [REBUILDS_BEFORE_CLAIM, ONE, PLAIN, 'no fault'],
  [ANSWERS_FROM_RESPONSE, TWO_VERSIONS, PLAIN, 'acks true'],
  [REPEATED_CLAIM_IS_NOTHING, ONE, WITH_A_COPY, 'readers agree'],
  [BELIEVES_THE_FIRST, ONE, PLAIN, 'readers agree'],
  [SNAPSHOT_OF_LIVE_STATE, ONE, PLAIN, 'readers agree'],
  [SNAPSHOT_WITHOUT_LAST_INBOUND, shortened(SENT_AGAIN, 2), WITH_A_COPY, 'readers agree'],
  [NO_DIGEST, shortened(OTHER_CONTENT, 2), PLAIN, 'answers true'],
  [NO_EPOCH_CHECK, TWO_VERSIONS, PLAIN, 'no fault'],
  [NO_EPOCH_CHECK, ONE, THREE_CLAIMS, 'no fault'],
];

const describeFinding = ({ violation }: Explored) =>
  `${violation?.property}: ${violation?.message}\n${violation?.log.join('\n')}`;

describe('the exploration', { timeout: EXPLORATION_TIMEOUT_MS }, () => {
  it.each(CASES.map(([mutant, scenario, scope, property]) => ({ mutant, scenario, scope, property })))(
    'finds $mutant.name in $scenario.name, and nothing without it',
    ({ mutant, scenario, scope, property }) => {
      const explored = explore({ scenario, scope, mutant });
      expect(explored.violation?.property, describeFinding(explored)).toBe(property);
      expect(explore({ scenario, scope, mutant: PRODUCTION }).violation).toBeNull();
    },
  );

  it('finds no epoch check also where writers decide alike and everyone reads from the start, by what was answered at the claim', () => {
    const { violation } = explore({ scenario: ONE, scope: THREE_CLAIMS, mutant: NO_EPOCH_CHECK });
    expect(violation?.message).toMatch(/before its epoch began/);
  });
});
