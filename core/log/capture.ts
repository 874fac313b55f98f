/** Taking a fold down between two records, while it goes on. */
import { RoomlogError } from '../errors.ts';
import { NO_EPOCH, type Offset, type Partition, type RoomId, type Seq } from '../ids.ts';
import type { PublishersCapture } from '../sequencing/publishers-capture.ts';
import type { Fold } from './fold.ts';
import { FOLD_VERSION } from './record.ts';
import type { SnapshotMark } from './snapshot.ts';

/** A fold as it was at `mark.offset`, walked while that fold goes on. `release` it when done. */
export interface FoldCapture {
  readonly mark: SnapshotMark;
  readonly rooms: Iterable<[RoomId, Seq, Offset]>;
  /** null where the fold has none. */
  readonly publishers: Pick<PublishersCapture, 'publishers' | 'keys' | 'forgottenBefore'> | null;
  readonly roomCount: number;
  release(): void;
}

/**
 * Captures a fold between two records: `offset` is the next one. Takes no longer than copying 16 bytes per room. Throws `fold_halted`
 * for a fold that can't be told apart from one that missed something: not complete, or without a claim.
 */
export function captureFold(fold: Fold, partition: Partition, offset: Offset): FoldCapture {
  const { chain, heads } = fold;
  const { epoch, claimNonce, streamId, partitions } = chain;
  const known = claimNonce !== null && streamId !== null && partitions !== null && epoch !== NO_EPOCH;
  if (!known || !chain.complete || !chain.settled) {
    throw new RoomlogError('fold_halted', 'A fold is captured only once it is complete and has read a claim.');
  }
  const publishers = fold.publishers?.capture(offset) ?? null;
  return {
    mark: {
      partition,
      partitions,
      streamId,
      offset,
      epoch,
      claimNonce,
      lastInbound: chain.lastInbound,
      lastInboundTime: chain.lastInboundTime,
      answeredAtClaim: chain.answeredAtClaim,
      logTime: chain.logTime,
      foldVersion: FOLD_VERSION,
    },
    roomCount: heads.size,
    rooms: heads.capture(),
    publishers,
    release: () => publishers?.release(),
  };
}
