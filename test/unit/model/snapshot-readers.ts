/**
 * Readers of one log that start at a snapshot: wherever one can be taken. The fold goes on to the end of the log before the
 * snapshot is walked, as the sequencer's does while it writes. Whoever starts there accepts what the fold from offset 0
 * accepts from there on, and in the end knows all that it knows: rooms, publishers, keys, the chain. So a sequencer that starts at
 * a snapshot decides as one that read everything.
 */
import { NO_EPOCH, type Offset, type Partition } from '../../../core/ids.ts';
import { captureFold, type FoldCapture } from '../../../core/log/capture.ts';
import { Chain } from '../../../core/log/chain.ts';
import { Fold } from '../../../core/log/fold.ts';
import type { OutboundRecord } from '../../../core/log/record.ts';
import type { SnapshotMark, SnapshotState } from '../../../core/log/snapshot.ts';
import type { PublishersLimits } from '../../../core/sequencing/publishers.ts';
import { stateOf } from '../../support/fold-state.ts';
import type { LogNode, LogTree } from './log-tree.ts';
import type { Mutant } from './mutants.ts';
import { type Violation, violation } from './properties.ts';
import type { ReaderCounts } from './readers.ts';

const PARTITION = 0 as Partition;

export function wrongFromSnapshot(
  tree: LogTree,
  log: LogNode,
  counts: ReaderCounts,
  { mutant, versions }: { readonly mutant: Mutant; readonly versions: readonly PublishersLimits[] },
): Violation | null {
  const records = tree.recordsOf(log);
  for (const publishers of new Set(versions)) {
    const expected = JSON.stringify(stateOf(folded(tree, records, records.length, publishers)));
    for (let offset = 1; offset <= records.length; offset++) {
      const fold = folded(tree, records, offset, publishers);
      if (fold.chain.epoch === NO_EPOCH) continue;
      counts.fromSnapshots++;
      const capture = captureFold(fold, PARTITION, offset as Offset);
      for (const [at, record] of records.entries()) if (at >= offset) fold.apply(at as Offset, record);
      const restored = restore(capture, fold, publishers, mutant);
      const found = wrongBehind(restored, records, offset, log.accepted, expected);
      if (found !== null) return found;
    }
  }
  return null;
}

function folded(tree: LogTree, records: readonly OutboundRecord[], length: number, publishers: PublishersLimits): Fold {
  const fold = tree.newFold('start', publishers);
  for (let offset = 0; offset < length; offset++) fold.apply(offset as Offset, records[offset] as OutboundRecord);
  return fold;
}

function restore(capture: FoldCapture, live: Fold, publishers: PublishersLimits, mutant: Mutant): Fold {
  const state = mutant.walksLiveState ? liveState(capture.mark, live) : walk(capture);
  capture.release();
  if (!mutant.forgetsLastInbound) return Fold.fromSnapshot(state, { publishers });
  const fold = new Fold({ publishers, chain: new Unsettled(capture.mark) });
  for (const [room, seq, offset] of state.rooms) fold.heads.set(room, seq, offset);
  return fold;
}

/** As adapters/snapshots/write.ts walks it: what it yields is written down before the next is asked for. */
function walk({ mark, rooms, publishers }: FoldCapture): SnapshotState {
  return {
    mark,
    rooms: [...rooms],
    publishers: [...(publishers?.publishers() ?? [])].map(([name, { last, window }]) => [
      name,
      { last, window: [...window] },
    ]),
    keys: [...(publishers?.keys() ?? [])],
    forgottenBefore: publishers?.forgottenBefore ?? 0,
  };
}

function liveState(mark: SnapshotMark, { heads, publishers }: Fold): SnapshotState {
  return {
    mark,
    rooms: [...heads.entries()].map(([room, { seq, offset }]) => [room, seq, offset]),
    publishers: [...(publishers?.publishers() ?? [])].map(([name, { state }]) => [name, state]),
    keys: [...(publishers?.keys() ?? [])],
    forgottenBefore: publishers?.forgottenBefore ?? 0,
  };
}

function wrongBehind(
  fold: Fold,
  records: readonly OutboundRecord[],
  offset: number,
  truth: readonly number[],
  expected: string,
): Violation | null {
  const accepted: number[] = [];
  for (let at = offset; at < records.length; at++) {
    const verdict = fold.apply(at as Offset, records[at] as OutboundRecord);
    if (verdict.kind === 'fault') {
      return violation('readers agree', `the reader from the snapshot at ${offset} stops at ${at}: ${verdict.fault}`);
    }
    if (verdict.kind === 'accepted') accepted.push(at);
  }
  const right = truth.filter((at) => at >= offset);
  if (accepted.join() !== right.join()) {
    return violation('readers agree', `from the snapshot at ${offset}: ${accepted.join()} instead of ${right.join()}`);
  }
  const state = JSON.stringify(stateOf(fold));
  return state === expected
    ? null
    : violation('readers agree', `the reader from the snapshot at ${offset} knows ${state} instead of ${expected}`);
}

/** A chain that takes the first record's word for what came before it, as one that starts at a claim may. */
class Unsettled extends Chain {
  constructor({ epoch, logTime, lastInboundTime, claimNonce, streamId, partitions }: SnapshotMark) {
    super(true, false);
    Object.assign(this, { epoch, logTime, lastInboundTime, claimNonce, streamId, partitions });
  }
}
