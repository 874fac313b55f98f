/**
 * A fold at one moment, as something that can be written down: everything below an offset, so that a reader that starts there
 * knows what one knows that started at offset 0. How it lies in its topic: adapters/snapshots.
 */
import type { Epoch, Offset, Partition, RoomId, Seq } from '../ids.ts';
import type { PublisherState, RememberedKey } from '../sequencing/publisher.ts';

/** Where in which log a snapshot was taken, and what the chain knew there. */
export interface SnapshotMark {
  readonly partition: Partition;
  /** P. */
  readonly partitions: number;
  readonly streamId: string;
  /** The next record to read: everything below it was folded. */
  readonly offset: Offset;
  /** Offset of the newest claim folded. */
  readonly epoch: Epoch;
  /** Of that claim; checked against the log where it is retained. */
  readonly claimNonce: Uint8Array;
  readonly lastInbound: Offset;
  /** Timestamp of the inbound record at `lastInbound`, ms; 0 where there is none. */
  readonly lastInboundTime: number;
  /** What had been answered when that claim was read; null where its reader could not know. */
  readonly answeredAtClaim: Offset | null;
  /** ms since the Unix epoch. */
  readonly logTime: number;
  readonly foldVersion: number;
}

/** What `Fold.fromSnapshot` takes. In the order in which the capture had it. */
export interface SnapshotState {
  readonly mark: SnapshotMark;
  readonly rooms: Iterable<readonly [RoomId, Seq, Offset]>;
  /** By `publisherKey`. */
  readonly publishers?: Iterable<readonly [string, PublisherState]>;
  /** By `idempotencyKey`. */
  readonly keys?: Iterable<readonly [string, RememberedKey]>;
  /** See `Publishers.forgottenBefore`. */
  readonly forgottenBefore?: number;
}

/**
 * Why a snapshot is not believed.
 * - `torn`: chunks are missing. `corrupt`: a chunk is not what was written.
 * - `stale`: outbound begins above it. `ahead`: outbound ends below it.
 * - `foreign`: of another stream, partition or P, or taken after a claim that this log does not have.
 * - `newer_version`: of rules or a format that this program does not know.
 */
export type SnapshotRefusal = 'torn' | 'corrupt' | 'stale' | 'ahead' | 'foreign' | 'newer_version';
