/**
 * The checker of fault runs (test/checker) has a fold of its own. On every log of the model it has to come to what the
 * production fold comes to; and what a system with a mechanism taken away would show to its clients it has to find guilty.
 */
import { describe, expect, it } from 'vitest';
import type { Offset } from '../../../core/ids.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import { Findings } from '../../checker/anomaly.ts';
import { check } from '../../checker/check.ts';
import type { HistoryLine } from '../../checker/history.ts';
import { contentOf, type LogLine, logLineOf } from '../../checker/log-line.ts';
import { foldOwn } from '../../checker/own-fold.ts';
import { explore } from './explore.ts';
import type { Scope } from './explored.ts';
import { EXPLORATION_TIMEOUT_MS } from './lane.ts';
import { LogTree } from './log-tree.ts';
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
} from './mutants.ts';
import { OTHER_CONTENT, type Scenario, SENT_AGAIN, shortened, TWO_VERSIONS, UNNUMBERED } from './scenario.ts';

const TWO_UNNUMBERED = shortened(UNNUMBERED, 2);
const PLAIN: Scope = { claims: 2, copies: 0, batch: 1 };
const THREE_CLAIMS: Scope = { claims: 3, copies: 0, batch: 1 };
const WITH_A_COPY: Scope = { claims: 2, copies: 1, batch: 1 };
const linesOf = (records: readonly OutboundRecord[]): LogLine[] =>
  records.map((record, offset) => logLineOf(0, offset, record));

describe('the checker’s own fold', { timeout: EXPLORATION_TIMEOUT_MS }, () => {
  it.each([
    [shortened(SENT_AGAIN, 2), { claims: 2, copies: 1, batch: 2 }, 500],
    [TWO_VERSIONS, { claims: 3, copies: 0, batch: 1 }, 1_000],
  ] as const)(
    'accepts on every log of the model what the production fold accepts: $name',
    (scenario, scope, leastLogs) => {
      let logs = 0;
      const onLongest = (records: readonly OutboundRecord[], accepted: readonly Offset[]): void => {
        logs++;
        const findings = new Findings();
        const { events } = foldOwn(linesOf(records), findings);
        expect(findings.anomalies).toEqual([]);
        const offsets = accepted.filter((offset) => records[offset]?.event !== null);
        expect(events.map(({ offset }) => offset)).toEqual(offsets);
      };
      explore({ scenario, scope, mutant: PRODUCTION, onLongest });
      expect(logs).toBeGreaterThan(leastLogs);
    },
  );
});

/** What clients of gateways with these readers would have seen of the log: one from the start, one from each claim. */
function historyOf(scenario: Scenario, records: readonly OutboundRecord[], mutant: Mutant): HistoryLine[] {
  const history: HistoryLine[] = [];
  let at = 0;
  const write = (line: Record<string, unknown>) => history.push({ process: 'model', at: ++at, ...line } as HistoryLine);
  write({ type: 'rights', user: 'bob', rooms: 'all' });
  for (const [inbound, { event }] of scenario.inbound.entries()) {
    const { room, user, session, pub, key, data } = event;
    const content = contentOf(event.event, data);
    write({ type: 'publish', op: `op-${inbound}`, client: 'ann', room, user, session, pub, key, content });
  }
  const rooms = new Set(scenario.inbound.map(({ event }) => event.room));
  for (const room of rooms) write({ type: 'join', client: 'reader-0', room, from: 0 });
  const tree = new LogTree(mutant, () => {});
  const starts = [0, ...records.flatMap(({ claim }, offset) => (claim === null || offset === 0 ? [] : [offset]))];
  for (const start of starts) {
    const fold = tree.newFold(start === 0 ? 'start' : 'claim');
    for (let offset = start; offset < records.length; offset++) {
      const record = records[offset] as OutboundRecord;
      const { kind } = fold.apply(offset as Offset, record);
      if (kind === 'fault') break;
      const answered = mutant.answersFromResponse ? record.claim === null : kind === 'accepted';
      if (!answered) continue;
      const seq = record.event?.seq ?? (record.answer?.code === 'duplicate' ? record.answer.seq : null);
      if (seq !== null) write({ type: 'ack', client: 'ann', op: `op-${record.inbound}`, seq });
      if (kind !== 'accepted' || record.event === null) continue;
      const content = contentOf(record.event.event, record.event.data);
      const room = record.event.room;
      write({ type: 'delivery', client: `reader-${start}`, user: 'bob', room, seq: record.event.seq, content });
    }
  }
  write({ type: 'end', drained: true });
  return history;
}

describe('the checker', { timeout: EXPLORATION_TIMEOUT_MS }, () => {
  const SABOTAGE: ReadonlyArray<readonly [Mutant, Scenario, Scope]> = [
    [NO_CHAIN_CHECK, TWO_UNNUMBERED, WITH_A_COPY],
    [NO_EPOCH_CHECK, TWO_VERSIONS, PLAIN],
    [NO_DIGEST, shortened(OTHER_CONTENT, 2), PLAIN],
    [ANSWERS_FROM_RESPONSE, TWO_VERSIONS, PLAIN],
    [REPEATED_CLAIM_IS_NOTHING, shortened(SENT_AGAIN, 1), WITH_A_COPY],
    [REBUILDS_BEFORE_CLAIM, TWO_VERSIONS, PLAIN],
  ];

  it.each(SABOTAGE.map(([mutant, scenario, scope]) => ({ mutant, scenario, scope })))(
    'finds $mutant.name guilty by what clients would have seen',
    ({ mutant, scenario, scope }) => {
      const { violation } = explore({ scenario, scope, mutant });
      if (violation === null) throw new Error('The exploration found nothing.');
      const anomalies = violation.finished.flatMap(
        (records) => check(historyOf(scenario, records, mutant), linesOf(records)).anomalies,
      );
      console.info(`sabotage: ${mutant.name}: ${[...new Set(anomalies.map(({ name }) => name))].join(', ')}`);
      expect(anomalies, violation.log.join('\n')).not.toEqual([]);
    },
  );

  it('finds a reader guilty that believes the first record it sees', () => {
    let guilty = 0;
    const onLongest = (records: readonly OutboundRecord[]): void => {
      const { counts } = check(historyOf(TWO_VERSIONS, records, BELIEVES_THE_FIRST), linesOf(records));
      if (counts['seq-conflict'] !== undefined || counts.phantom !== undefined) guilty++;
    };
    // Only readers are mutants here: the logs are those of the real thing.
    explore({ scenario: TWO_VERSIONS, scope: THREE_CLAIMS, mutant: PRODUCTION, onLongest });
    expect(guilty).toBeGreaterThan(10);
  });

  it('finds nothing in what clients of the real thing would have seen', () => {
    const scenario = TWO_VERSIONS;
    let logs = 0;
    const onLongest = (records: readonly OutboundRecord[]): void => {
      logs++;
      const { anomalies } = check(historyOf(scenario, records, PRODUCTION), linesOf(records));
      expect(anomalies).toEqual([]);
    };
    explore({ scenario, scope: WITH_A_COPY, mutant: PRODUCTION, onLongest });
    expect(logs).toBeGreaterThan(100);
  });
});
