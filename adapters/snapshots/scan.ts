/** Finding the manifests of a partition's snapshots, newest first, from the end of the snapshots topic. */
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { SNAPSHOT_FORMAT_VERSION, type SnapshotManifest, type SnapshotRecord } from '../../core/log/snapshot-record.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';
import { parseSnapshotKey } from './keys.ts';
import { isSealed } from './seal.ts';
import type { Shelf } from './shelf.ts';

/** Records of the first look at the end; every further one is four times as long. */
const FIRST_LOOK_RECORDS = 8;
const LOOK_GROWTH = 4;

export interface FoundManifest {
  /** Of the snapshot: the next outbound record to read. */
  readonly offset: Offset;
  /** Where the manifest stands in the snapshots topic. */
  readonly at: Offset;
  /** null where it could not be read, which makes the snapshot a corrupt one. */
  readonly manifest: SnapshotManifest | null;
}

export interface ScanOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  /** The snapshots topic. */
  readonly topic: string;
  readonly partition: Partition;
  readonly signal?: AbortSignal;
  /** Takes note of what stands there. */
  readonly shelf?: Shelf;
}

/**
 * Yields manifests from the newest written to the oldest; of several under one key the newest, and none that was tombstoned
 * later. Reads no further back than the caller asks for. Throws what reading throws.
 */
export async function* manifestsOf(options: ScanOptions): AsyncGenerator<FoundManifest> {
  const { log, topic, partition, signal, shelf } = options;
  const range = (await log.ranges(topic, [partition])).get(partition);
  if (range === undefined) throw new RoomlogError('topic_missing', undefined, { details: { topic, partition } });
  const seen = new Set<Offset>();
  let to: number = range.end;
  for (let look = FIRST_LOOK_RECORDS; to > range.start && !signal?.aborted; look *= LOOK_GROWTH) {
    const from = Math.max(range.start, to - look) as Offset;
    const found: FoundManifest[] = [];
    const read = { topic, partition, from, to: to as Offset, ...(signal && { signal }) };
    for await (const records of log.readRange(read)) {
      for (const { offset: at, key, value } of records) {
        const parsed = parseSnapshotKey(partition, key);
        if (parsed === null) continue;
        if (value !== null) shelf?.saw(parsed.offset, (parsed.chunk ?? -1) + 1);
        if (parsed.chunk !== null) continue;
        if (value === null) seen.add(parsed.offset);
        else found.push({ offset: parsed.offset, at, manifest: await decodeManifest(options, parsed.offset, value) });
      }
    }
    for (const candidate of found.reverse()) {
      if (seen.has(candidate.offset)) continue;
      seen.add(candidate.offset);
      if (candidate.manifest !== null) {
        shelf?.saw(candidate.offset, candidate.manifest.chunks.length);
        for (const { offset, chunks } of candidate.manifest.older) shelf?.saw(offset, chunks);
      }
      yield candidate;
    }
    to = from;
  }
}

/** null for what is no manifest of that partition and offset, or is not the one that was written. */
async function decodeManifest(
  { codec, partition }: ScanOptions,
  offset: Offset,
  value: Buffer,
): Promise<SnapshotManifest | null> {
  const record = await decodeSnapshotRecord(codec, value);
  if (record?.partition !== partition || record.offset !== offset || record.manifest === null) return null;
  // How a newer format seals is not known here; it is refused for being newer.
  const isNewer = record.manifest.formatVersion > SNAPSHOT_FORMAT_VERSION;
  return isNewer || isSealed(record, record.manifest) ? record.manifest : null;
}

/** null for bytes that are no record of a snapshot. Throws `registry_unreachable`. */
export async function decodeSnapshotRecord(codec: Codec, value: Buffer): Promise<SnapshotRecord | null> {
  try {
    const decoded = codec.decodeSnapshot(value);
    if (!('unknownSchema' in decoded)) return decoded;
    await codec.ensureSchema(decoded.unknownSchema);
    const again = codec.decodeSnapshot(value);
    return 'unknownSchema' in again ? null : again;
  } catch (thrown) {
    const error = asRoomlogError(thrown, 'corrupt_record');
    if (error.code === 'registry_unreachable') throw error;
    return null;
  }
}
