/** From every log there is a way on: the next owner claims, and answers what was not answered. */
import type { Offset } from '../../../core/ids.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import { Decider } from '../../../core/sequencing/decide.ts';
import type { LogNode, LogTree } from './log-tree.ts';
import type { InboundEntry, Scenario } from './scenario.ts';
import { recordOf } from './writer.ts';

/** A claim of nobody else's: far above the numbers of those that are explored. */
const NEXT_CLAIM = 99;

export interface Finished {
  /** The whole log, from offset 0. */
  readonly records: readonly OutboundRecord[];
  readonly accepted: readonly OutboundRecord[];
}

/** `version`: which of the two writers the next owner is. */
export function finish(tree: LogTree, scenario: Scenario, log: LogNode, version: 0 | 1): Finished {
  const { inbound, versions } = scenario;
  const records = tree.recordsOf(log);
  const accepted = log.accepted.map((offset) => records[offset] as OutboundRecord);
  const fold = tree.newFold('start', versions[version]);
  for (const [offset, record] of records.entries()) fold.apply(offset as Offset, record);
  records.push(tree.records.get(tree.records.claim(NEXT_CLAIM)));
  fold.apply(log.length as Offset, records.at(-1) as OutboundRecord);
  const decider = new Decider(fold, versions[version]);
  for (let next = fold.chain.lastInbound + 1; next < inbound.length; next++) {
    const record = recordOf(decider, fold.chain.epoch, next as Offset, inbound[next] as InboundEntry);
    if (fold.apply(records.length as Offset, record).kind === 'accepted') accepted.push(record);
    records.push(record);
  }
  return { records, accepted };
}
