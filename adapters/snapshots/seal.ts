/**
 * The manifest's own hash. Chunks are proven by the manifest; what proves the manifest is this. A damaged one would be believed
 * where it matters most: a `lastInbound` with one bit wrong skips inbound records or answers them twice.
 *
 * It goes over the values, not the bytes, so that a manifest to which a newer schema has added fields is still one.
 */
import { createHash } from 'node:crypto';
import type { Offset, Partition } from '../../core/ids.ts';
import type { SnapshotManifest } from '../../core/log/snapshot-record.ts';

/** Which snapshot the manifest is of. */
export interface Sealed {
  readonly partition: Partition;
  readonly offset: Offset;
}

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

/** SHA-256 of everything that format version 1 has in a manifest, and of whose it is. */
export function sealOf({ partition, offset }: Sealed, manifest: Omit<SnapshotManifest, 'seal'>): Buffer {
  const { formatVersion, foldVersion, partitions, streamId, epoch, claimNonce } = manifest;
  const { lastInbound, lastInboundTime, answeredAtClaim, logTime, bytesSinceClaim, forgottenBefore, takenAt } =
    manifest;
  const { rooms, publishers, keys, firstChunk, chunks, older, anchors } = manifest;
  const values = [
    [partition, offset, formatVersion, foldVersion, partitions, streamId, epoch, hex(claimNonce)],
    [lastInbound, lastInboundTime, answeredAtClaim, logTime, bytesSinceClaim, forgottenBefore, takenAt],
    [rooms, publishers, keys, firstChunk],
    chunks.map(({ kind, sha256 }) => [kind, hex(sha256)]),
    older.map((one) => [one.offset, one.chunks]),
    anchors.map((anchor) => [anchor.offset, anchor.epoch, anchor.lastInbound, anchor.logTime]),
  ];
  return createHash('sha256').update(JSON.stringify(values)).digest();
}

export function isSealed(sealed: Sealed, manifest: SnapshotManifest): boolean {
  return Buffer.compare(sealOf(sealed, manifest), manifest.seal) === 0;
}
