/**
 * Readers of one log: from every place at which a reader may start, and from places at which it may not. Whoever may start
 * accepts exactly what the fold from offset 0 accepts from there on; whoever may not is refused.
 */
import type { Offset } from '../../../core/ids.ts';
import type { Anchor } from '../../../core/log/chain.ts';
import type { Fold } from '../../../core/log/fold.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import type { LogNode, LogTree } from './log-tree.ts';
import { type Violation, violation } from './properties.ts';

export interface ReaderCounts {
  fromClaims: number;
  fromAnchors: number;
  fromSnapshots: number;
  fromForgedPlaces: number;
  missingARecord: number;
}

/** Reads on from `from`; the offsets accepted, and the fault that ended it. */
function read(fold: Fold, records: readonly OutboundRecord[], from: number, missing = -1) {
  const accepted: number[] = [];
  for (let offset = from; offset < records.length; offset++) {
    if (offset === missing) continue;
    const verdict = fold.apply(offset as Offset, records[offset] as OutboundRecord);
    if (verdict.kind === 'fault') return { accepted, fault: verdict.fault, at: offset };
    if (verdict.kind === 'accepted') accepted.push(offset);
  }
  return { accepted, fault: null, at: records.length };
}

/** Places noted by one reader on its way, each to be continued from by another. */
function anchorsOf(fold: Fold, records: readonly OutboundRecord[], from: number): Anchor[] {
  const anchors: Anchor[] = [];
  for (let offset = from; offset < records.length; offset++) {
    if (fold.apply(offset as Offset, records[offset] as OutboundRecord).kind === 'fault') break;
    if (fold.chain.settled) anchors.push(fold.chain.anchor((offset + 1) as Offset));
  }
  return anchors;
}

/** Everyone who may read this log; the first thing on which one of them goes wrong. */
export function disagreement(tree: LogTree, log: LogNode, counts: ReaderCounts): Violation | null {
  const records = tree.recordsOf(log);
  const truth: readonly number[] = log.accepted;
  const anchors = anchorsOf(tree.newFold('start'), records, 0);
  return (
    wrongFromClaim(tree, records, truth, anchors, counts) ??
    wrongFromAnchor(tree, records, truth, anchors, counts) ??
    unnoticedLoss(tree, records, truth, counts)
  );
}

const behind = (truth: readonly number[], start: number): string => truth.filter((offset) => offset >= start).join();

function wrongFromClaim(
  tree: LogTree,
  records: readonly OutboundRecord[],
  truth: readonly number[],
  anchors: readonly Anchor[],
  counts: ReaderCounts,
): Violation | null {
  for (const [start, record] of records.entries()) {
    if (record.claim === null) continue;
    counts.fromClaims++;
    const { accepted, fault, at } = read(tree.newFold('claim'), records, start);
    if (fault !== null) return violation('readers agree', `the reader from claim ${start} stops at ${at}: ${fault}`);
    if (accepted.join() !== behind(truth, start)) {
      const message = `from claim ${start}: ${accepted.join()} instead of ${behind(truth, start)}`;
      return violation('readers agree', message);
    }
    for (const anchor of anchorsOf(tree.newFold('claim'), records, start)) {
      const same = anchors.find(({ offset }) => offset === anchor.offset);
      if (same?.epoch !== anchor.epoch || same.lastInbound !== anchor.lastInbound) {
        return violation('readers agree', `the reader from claim ${start} notes another anchor at ${anchor.offset}`);
      }
    }
  }
  return null;
}

function wrongFromAnchor(
  tree: LogTree,
  records: readonly OutboundRecord[],
  truth: readonly number[],
  anchors: readonly Anchor[],
  counts: ReaderCounts,
): Violation | null {
  for (const anchor of anchors) {
    counts.fromAnchors++;
    const { accepted, fault } = read(tree.newFold(anchor), records, anchor.offset);
    if (fault === null && accepted.join() === behind(truth, anchor.offset)) continue;
    const message = `from anchor ${anchor.offset}: ${accepted.join()} instead of ${behind(truth, anchor.offset)}`;
    return violation('readers agree', message);
  }
  return null;
}

/** A reader sent to a place where no claim stands has to stop before it believes anything. */
export function believedWithoutClaim(tree: LogTree, log: LogNode, counts: ReaderCounts): Violation | null {
  const records = tree.recordsOf(log);
  for (const [start, record] of records.entries()) {
    if (record.claim !== null) continue;
    counts.fromForgedPlaces++;
    const { accepted, fault } = read(tree.newFold('claim'), records, start);
    if (fault !== null && accepted.length === 0) continue;
    const message = `from ${start}, where no claim is, a reader believed ${accepted.join() || 'that nothing was missing'}`;
    return violation('forged starts harmless', message);
  }
  return null;
}

/**
 * A reader that never gets one of the answers: it may stop, but what it believes until then is true, and it goes on to the
 * end only where what it lacks is the last of them. (A claim that was not got shows in the next record of its epoch, not
 * before.)
 */
function unnoticedLoss(
  tree: LogTree,
  records: readonly OutboundRecord[],
  truth: readonly number[],
  counts: ReaderCounts,
): Violation | null {
  // An identical repeat of the record that was missed is as good.
  const answers = truth.map((offset) => tree.records.idOf(records[offset] as OutboundRecord));
  for (const [missing, record] of records.entries()) {
    if (record.claim !== null) continue;
    counts.missingARecord++;
    const { accepted, fault } = read(tree.newFold('start'), records, 0, missing);
    const wrong = accepted.some((offset, at) => tree.records.idOf(records[offset] as OutboundRecord) !== answers[at]);
    if (wrong) return violation('missed records noticed', `without ${missing} a reader believed ${accepted.join()}`);
    const lacks = truth.slice(accepted.length);
    if (fault === null && lacks.length > 0 && lacks.join() !== `${missing}`) {
      return violation('missed records noticed', `without ${missing} a reader lacks ${lacks.join()} and went on`);
    }
  }
  return null;
}
