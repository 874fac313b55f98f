/** Where the fold of a partition begins: at a snapshot, at the very first record, or, where that is gone, at the oldest claim left. */
import type { LoadedSnapshot } from '../../adapters/snapshots/load.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { type Anchor, Chain } from '../../core/log/chain.ts';
import { Fold } from '../../core/log/fold.ts';
import type { LogSink } from '../../core/ports/logger.ts';

const NO_BEGINNING =
  'the oldest records are gone and there is no snapshot: reading starts at the first claim that is left';

export interface FoldStart {
  readonly fold: Fold;
  /** The next record to read. */
  readonly from: Offset;
  /** Places up to `from` at which the log can be read again and proven, ascending. */
  readonly anchors: readonly Anchor[];
  /** `from` where it is a snapshot's; null where no snapshot was used. */
  readonly snapshot: Offset | null;
}

/** @param oldest the oldest record that is left */
export function foldStart(
  loaded: LoadedSnapshot | null,
  oldest: Offset,
  partition: Partition,
  logger: LogSink,
): FoldStart {
  const anchors = oldest === 0 ? [Chain.atStart().anchor(oldest)] : [];
  if (loaded === null) {
    if (oldest > 0) logger.warn({ partition, start: oldest }, NO_BEGINNING);
    return { fold: new Fold({ start: oldest === 0 ? 'start' : 'claim' }), from: oldest, anchors, snapshot: null };
  }
  const { fold, mark } = loaded;
  const from = mark.offset;
  for (const anchor of loaded.anchors) if (anchor.offset >= oldest && anchor.offset < from) anchors.push(anchor);
  return { fold, from, anchors: [...anchors, fold.chain.anchor(from)], snapshot: from };
}
