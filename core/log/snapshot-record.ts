/** What stands in the snapshots topic, as the code sees it. The Avro form is `schemas/snapshot.avsc`, where the fields are told. */
import type { Epoch, Offset, Partition } from '../ids.ts';
import type { Anchor } from './chain.ts';

/** The version of what the chunks mean together. A reader refuses a higher one. */
export const SNAPSHOT_FORMAT_VERSION = 1;

export type ChunkKind = 'rooms' | 'publishers' | 'keys' | 'poison';

export interface SnapshotManifest {
  readonly formatVersion: number;
  readonly foldVersion: number;
  readonly partitions: number;
  readonly streamId: string;
  readonly epoch: Epoch;
  readonly claimNonce: Uint8Array;
  readonly lastInbound: Offset;
  readonly lastInboundTime: number;
  readonly answeredAtClaim: Offset | null;
  readonly logTime: number;
  readonly bytesSinceClaim: number;
  readonly forgottenBefore: number;
  readonly takenAt: number;
  readonly rooms: number;
  readonly publishers: number;
  readonly keys: number;
  readonly firstChunk: Offset;
  readonly chunks: ReadonlyArray<{ readonly kind: string; readonly sha256: Uint8Array }>;
  readonly older: ReadonlyArray<{ readonly offset: Offset; readonly chunks: number }>;
  readonly anchors: readonly Anchor[];
  /** The manifest's own hash; see adapters/snapshots/seal.ts. */
  readonly seal: Uint8Array;
}

/** Exactly one body is set, or none where a newer writer added a kind. */
export interface SnapshotRecord {
  readonly partition: Partition;
  readonly offset: Offset;
  readonly manifest: SnapshotManifest | null;
  readonly rooms: { readonly names: readonly string[]; readonly numbers: readonly number[] } | null;
  readonly publishers: {
    readonly names: readonly string[];
    readonly last: readonly number[];
    readonly windows: ReadonlyArray<readonly number[]>;
  } | null;
  readonly keys: { readonly names: readonly string[]; readonly numbers: readonly number[] } | null;
  readonly poison: { readonly reasons: readonly string[]; readonly numbers: readonly number[] } | null;
}
