/**
 * The newest snapshot of an outbound partition that can be believed, as a fold. Each one found is either proven against its own
 * hashes and against the log, or refused with the reason said.
 */
import { createHash } from 'node:crypto';
import type { Offset, Partition } from '../../core/ids.ts';
import type { Anchor } from '../../core/log/chain.ts';
import { Fold } from '../../core/log/fold.ts';
import { FOLD_VERSION } from '../../core/log/record.ts';
import type { SnapshotMark, SnapshotRefusal } from '../../core/log/snapshot.ts';
import { SNAPSHOT_FORMAT_VERSION, type SnapshotManifest } from '../../core/log/snapshot-record.ts';
import { despiteRetention } from '../../core/ports/despite-retention.ts';
import type { EventLog, LogRecord, OffsetRange } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { PublishersLimits } from '../../core/sequencing/publishers.ts';
import type { Codec } from '../../schemas/codec.ts';
import { type PoisonEntry, restoreChunk } from './chunks.ts';
import { parseSnapshotKey } from './keys.ts';
import { decodeSnapshotRecord, type FoundManifest, manifestsOf, type ScanOptions } from './scan.ts';
import type { Shelf } from './shelf.ts';

export interface LoadSnapshotOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: { readonly outbound: string; readonly snapshots: string };
  readonly partition: Partition;
  /** P, which the snapshot must have too. */
  readonly partitions: number;
  /** `heads`: rooms alone, as gateways and replay need them. `all`: publishers too; `publishers` must be given. */
  readonly parts: 'heads' | 'all';
  readonly publishers?: PublishersLimits;
  readonly maxRooms?: number;
  /** Where known, the snapshot must be of this stream. */
  readonly streamId?: string | null;
  readonly logger: LogSink;
  readonly signal?: AbortSignal;
  /** Only snapshots at or below this offset. */
  readonly below?: Offset;
  readonly onRefused?: (reason: SnapshotRefusal) => void;
  /** Takes note of what stands in the topic, for who writes there. */
  readonly shelf?: Shelf;
}

export interface LoadedSnapshot {
  readonly fold: Fold;
  readonly mark: SnapshotMark;
  /** Ascending thinned places below `mark.offset`, where a reader of a range can start; only retained ones. */
  readonly anchors: readonly Anchor[];
  /** Empty with `parts: 'heads'`. */
  readonly poison: readonly PoisonEntry[];
  /** Bytes of outbound records since the claim at `mark.epoch`. */
  readonly bytesSinceClaim: number;
  /** The writer's clock when it was taken, ms. */
  readonly takenAt: number;
}

/** null where none can be believed. Throws what reading throws: `kafka_unreachable`, `registry_unreachable`, `topic_missing`. */
export function loadSnapshot(options: LoadSnapshotOptions): Promise<LoadedSnapshot | null> {
  return despiteRetention(() => loadNewest(options));
}

async function loadNewest(options: LoadSnapshotOptions): Promise<LoadedSnapshot | null> {
  const { partition, below, logger, signal } = options;
  for await (const found of manifestsOf(scanOf(options))) {
    if (below !== undefined && found.offset > below) continue;
    const loaded = await loadFound(options, found);
    if (signal?.aborted) return null;
    if (typeof loaded !== 'string') return loaded;
    options.onRefused?.(loaded);
    logger.warn({ partition, offset: found.offset, reason: loaded }, `a snapshot is not used: ${WHY[loaded]}`);
  }
  return null;
}

const WHY: Record<SnapshotRefusal, string> = {
  torn: 'chunks are missing',
  corrupt: 'its bytes are not those that were written',
  stale: 'outbound records behind it were deleted already',
  ahead: 'outbound ends below it',
  foreign: 'it was taken of another log',
  newer_version: 'it follows rules that this program does not know; upgrade it',
};

/** The stream's id as the newest snapshot has it; null where there is none. For logs whose claims were deleted. */
export async function streamIdOfSnapshots(
  options: Pick<LoadSnapshotOptions, 'log' | 'codec' | 'topics' | 'partition'>,
): Promise<string | null> {
  for await (const { manifest } of manifestsOf(scanOf(options))) if (manifest !== null) return manifest.streamId;
  return null;
}

function scanOf({
  log,
  codec,
  topics,
  partition,
  signal,
  shelf,
}: Pick<LoadSnapshotOptions, 'log' | 'codec' | 'topics' | 'partition' | 'signal' | 'shelf'>): ScanOptions {
  return { log, codec, topic: topics.snapshots, partition, ...(signal && { signal }), ...(shelf && { shelf }) };
}

async function loadFound(
  options: LoadSnapshotOptions,
  found: FoundManifest,
): Promise<LoadedSnapshot | SnapshotRefusal> {
  const { manifest, offset } = found;
  if (manifest === null) return 'corrupt';
  const { log, topics, partition } = options;
  const range = (await log.ranges(topics.outbound, [partition])).get(partition);
  const refusal = judgeManifest(options, manifest) ?? judgePlace(offset, range);
  if (refusal !== null || range === undefined) return refusal ?? 'ahead';
  const { epoch, claimNonce, lastInbound, lastInboundTime, answeredAtClaim, logTime } = manifest;
  const { streamId, partitions, foldVersion } = manifest;
  if (epoch >= range.start && !(await hasClaim(options, epoch as number as Offset, claimNonce))) return 'foreign';
  const mark: SnapshotMark = {
    partition,
    partitions,
    streamId,
    offset,
    epoch,
    claimNonce,
    lastInbound,
    lastInboundTime,
    answeredAtClaim,
    logTime,
    foldVersion,
  };
  return readChunks(options, found.at, manifest, mark, range);
}

function judgeManifest(
  { partitions, streamId }: LoadSnapshotOptions,
  manifest: SnapshotManifest,
): SnapshotRefusal | null {
  if (manifest.formatVersion > SNAPSHOT_FORMAT_VERSION || manifest.foldVersion > FOLD_VERSION) return 'newer_version';
  if (manifest.partitions !== partitions) return 'foreign';
  return streamId !== undefined && streamId !== null && streamId !== manifest.streamId ? 'foreign' : null;
}

function judgePlace(offset: Offset, range: OffsetRange | undefined): SnapshotRefusal | null {
  if (range === undefined || offset > range.end) return 'ahead';
  return offset < range.start ? 'stale' : null;
}

/** Whether the log has the claim that the snapshot was taken under, where it says. */
async function hasClaim(options: LoadSnapshotOptions, at: Offset, nonce: Uint8Array): Promise<boolean> {
  const { log, codec, topics, partition, signal } = options;
  const range = { topic: topics.outbound, partition, from: at, to: (at + 1) as Offset, ...(signal && { signal }) };
  for await (const records of log.readRange(range)) {
    const record = records.find(({ offset }) => offset === at);
    if (record?.value == null) continue;
    let decoded = codec.decodeOutbound(record.value);
    if ('unknownSchema' in decoded) {
      await codec.ensureSchema(decoded.unknownSchema);
      decoded = codec.decodeOutbound(record.value);
    }
    if ('unknownSchema' in decoded) return false;
    return decoded.claim !== null && Buffer.compare(decoded.claim.nonce, nonce) === 0;
  }
  return false;
}

async function readChunks(
  options: LoadSnapshotOptions,
  manifestAt: Offset,
  manifest: SnapshotManifest,
  mark: SnapshotMark,
  range: OffsetRange,
): Promise<LoadedSnapshot | SnapshotRefusal> {
  const { partition, parts, publishers, maxRooms, log, codec, topics, signal } = options;
  const withPublishers = parts === 'all' && publishers !== undefined;
  const fold = Fold.fromSnapshot(
    { mark, rooms: [], forgottenBefore: manifest.forgottenBefore },
    { publishers: withPublishers ? publishers : null, ...(maxRooms !== undefined && { maxRooms }) },
  );
  const poison: PoisonEntry[] = [];
  const missing = new Set<number>();
  for (const [number, { kind }] of manifest.chunks.entries()) {
    if (withPublishers || kind === 'rooms') missing.add(number);
  }
  let mismatched = false;
  const topicStart = (await log.ranges(topics.snapshots, [partition])).get(partition)?.start ?? 0;
  const from = Math.max(manifest.firstChunk, topicStart) as Offset;
  const read = { topic: topics.snapshots, partition, from, to: manifestAt, ...(signal && { signal }) };
  for await (const records of log.readRange(read)) {
    for (const record of records) {
      const number = wantedChunk(record, partition, mark.offset, missing);
      if (number === null || record.value === null) continue;
      const expected = manifest.chunks[number]?.sha256;
      if (expected === undefined || Buffer.compare(sha256(record.value), expected) !== 0) {
        mismatched = true;
        continue;
      }
      const chunk = await decodeSnapshotRecord(codec, record.value);
      if (chunk === null) return 'corrupt';
      restoreChunk(chunk, fold, poison);
      missing.delete(number);
      // A large snapshot must not hold the loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (missing.size === 0) break;
  }
  if (missing.size > 0) return mismatched ? 'corrupt' : 'torn';
  const { rooms, publishers: sessions, keys } = manifest;
  if (fold.heads.size !== rooms || (fold.publishers?.size ?? sessions + keys) !== sessions + keys) return 'corrupt';
  const anchors = manifest.anchors.filter(({ offset }) => offset >= range.start);
  return {
    fold,
    mark,
    anchors,
    poison,
    bytesSinceClaim: manifest.bytesSinceClaim,
    takenAt: manifest.takenAt,
  };
}

/** The number of a chunk that is still missing; null for every other record. */
function wantedChunk(
  { key }: LogRecord,
  partition: Partition,
  offset: Offset,
  missing: ReadonlySet<number>,
): number | null {
  const parsed = parseSnapshotKey(partition, key);
  if (parsed === null || parsed.offset !== offset || parsed.chunk === null) return null;
  return missing.has(parsed.chunk) ? parsed.chunk : null;
}

export function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
