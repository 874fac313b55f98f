/**
 * Writing a captured fold into the snapshots topic: chunk by chunk, each request confirmed before the next, the manifest last. Whoever
 * reads believes nothing before the manifest is there, so giving up at any point does no harm.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset } from '../../core/ids.ts';
import type { FoldCapture } from '../../core/log/capture.ts';
import type { Anchor } from '../../core/log/chain.ts';
import { SNAPSHOT_FORMAT_VERSION } from '../../core/log/snapshot-record.ts';
import type { AppendRecord, EventLog } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';
import { chunksOf, headOf, type PoisonEntry } from './chunks.ts';
import { snapshotKey } from './keys.ts';
import { sha256 } from './load.ts';
import { sealOf } from './seal.ts';
import { MAX_OLDER, type Shelf, type Shelved } from './shelf.ts';

/** Tries per record, and the pause between two. */
const MAX_TRIES = 5;
const RETRY_PAUSE_MS = 200;
/** Values of one request, at most, unless one alone is larger. Outbound batches of this process wait for as long as it takes. */
const REQUEST_BYTES = 262_144;
/** Tombstones in one request. */
const MAX_TOMBSTONES_PER_APPEND = 1_000;

export interface WriteSnapshotOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  /** The snapshots topic. */
  readonly topic: string;
  /** Released when this returns. */
  readonly capture: FoldCapture;
  readonly poison: readonly PoisonEntry[];
  /** Ascending. */
  readonly anchors: readonly Anchor[];
  readonly bytesSinceClaim: number;
  /** ms since the Unix epoch. */
  readonly takenAt: number;
  readonly shelf: Shelf;
  /** The complete snapshot that is kept beside the new one; null where none is known. */
  readonly keep: Offset | null;
  /** Whether this process may write; asked before each request, and when it leaves. */
  mayLeave(): boolean;
  /** Lets the event loop turn; called after each chunk. */
  turn(): Promise<void>;
}

export interface WrittenSnapshot {
  readonly offset: Offset;
  readonly chunks: number;
  readonly bytes: number;
}

/** Resolves when the manifest is in the log. Throws `kafka_unreachable` or `kafka_refused` where it is given up. */
export async function writeSnapshot(options: WriteSnapshotOptions): Promise<WrittenSnapshot> {
  const { codec, capture, poison, anchors, bytesSinceClaim, takenAt, shelf, keep } = options;
  const { mark } = capture;
  const { partition, offset, partitions, streamId, epoch, claimNonce } = mark;
  const { lastInbound, lastInboundTime, answeredAtClaim, logTime, foldVersion } = mark;
  const counts = { rooms: capture.roomCount, publishers: 0, keys: 0 };
  const chunks: Array<{ kind: string; sha256: Buffer }> = [];
  let bytes = 0;
  let firstChunk = 0 as Offset;
  /** Records of the next request: a small snapshot is one request. */
  let pending: AppendRecord[] = [];
  let pendingBytes = 0;
  const send = async (chunk: number | null, value: Buffer) => {
    if (pendingBytes > 0 && pendingBytes + value.length > REQUEST_BYTES) {
      await append(options, pending);
      pending = [];
      pendingBytes = 0;
    }
    pending.push({ key: snapshotKey(partition, offset, chunk), value });
    pendingBytes += value.length;
    bytes += value.length;
  };
  try {
    const range = (await options.log.ranges(options.topic, [partition])).get(partition);
    firstChunk = range?.end ?? firstChunk;
    for (const { kind, value, entries } of chunksOf(codec, capture, poison)) {
      shelf.saw(offset, chunks.length + 1);
      await send(chunks.length, value);
      chunks.push({ kind, sha256: sha256(value) });
      if (kind === 'publishers' || kind === 'keys') counts[kind] += entries;
      await options.turn();
    }
  } finally {
    capture.release();
  }
  const manifest = {
    formatVersion: SNAPSHOT_FORMAT_VERSION,
    foldVersion,
    partitions,
    streamId,
    epoch,
    claimNonce,
    lastInbound,
    lastInboundTime,
    answeredAtClaim,
    logTime,
    bytesSinceClaim,
    forgottenBefore: capture.publishers?.forgottenBefore ?? 0,
    takenAt,
    ...counts,
    firstChunk,
    chunks,
    older: shelf.others([offset]).slice(-MAX_OLDER),
    anchors,
  };
  const value = codec.encodeSnapshot({
    ...headOf(mark),
    rooms: null,
    publishers: null,
    keys: null,
    poison: null,
    manifest: { ...manifest, seal: sealOf(mark, manifest) },
  });
  await send(null, value);
  await append(options, pending);
  shelf.saw(offset, chunks.length);
  // The snapshot counts all the same; what was not taken away is on the shelf for the next time.
  await sweep(options, shelf.others([offset, keep])).catch(() => {});
  return { offset, chunks: chunks.length, bytes };
}

/** Tombstones whatever is not kept, manifests first: what remains of a snapshot without one is never looked at. */
async function sweep(options: WriteSnapshotOptions, shelved: readonly Shelved[]): Promise<void> {
  const { partition } = options.capture.mark;
  for (const { offset, chunks } of shelved) {
    const keys = [snapshotKey(partition, offset, null)];
    for (let chunk = 0; chunk < chunks; chunk++) keys.push(snapshotKey(partition, offset, chunk));
    for (let from = 0; from < keys.length; from += MAX_TOMBSTONES_PER_APPEND) {
      const some = keys.slice(from, from + MAX_TOMBSTONES_PER_APPEND);
      await append(
        options,
        some.map((key) => ({ key, value: null })),
      );
    }
    options.shelf.removed(offset);
  }
}

/** A repeat of a record that is there already does no harm: it has the same key and bytes. */
async function append(
  { log, topic, capture, mayLeave }: WriteSnapshotOptions,
  records: readonly AppendRecord[],
): Promise<void> {
  const { partition } = capture.mark;
  for (let tries = 1; ; tries++) {
    const [outcome] = await log.append(topic, [{ partition, records, mayLeave }]);
    if (outcome?.status === 'appended') return;
    const error = outcome?.error ?? new RoomlogError('kafka_unreachable');
    if (outcome?.status === 'refused' || tries >= MAX_TRIES || !mayLeave()) throw error;
    await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS).unref());
  }
}
