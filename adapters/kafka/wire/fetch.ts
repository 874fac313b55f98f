/**
 * Fetch, version 11, sessionless (https://kafka.apache.org/protocol#The_Messages_Fetch).
 *
 * ```
 * request:  replica int32 (-1)  maxWait int32  minBytes int32  maxBytes int32  isolation int8  session int32 (0)  sessionEpoch int32 (-1)
 *           [topic string  [partition int32  leaderEpoch int32  offset int64  logStart int64 (-1)  maxBytes int32]]
 *           forgotten [] rack string
 * response: throttle int32  error int16  session int32
 *           [topic string  [partition int32  error int16  highWatermark int64  lastStable int64  logStart int64
 *             aborted [producerId int64  firstOffset int64]  preferredReplica int32  records bytes]]
 * ```
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import type { AbortedTransaction } from './decode-batches.ts';
import { type WireRequest, wireRequest } from './request.ts';

export interface FetchPartition {
  readonly partition: number;
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchOptions {
  readonly topic: string;
  readonly partitions: readonly FetchPartition[];
  readonly maxWaitMs: number;
  /** Of the whole answer; the first batch comes whole even if it is larger. */
  readonly maxBytes: number;
}

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  /** The end of what is replicated; above `lastStableOffset` while a transaction is open. */
  readonly highWatermark: number;
  /** The end that read-committed readers may see. */
  readonly lastStableOffset: number;
  readonly logStartOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly records: Buffer;
}

export interface FetchAnswer {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

const READ_COMMITTED = 1;
const NO_RECORDS = Buffer.alloc(0);
const NONE_ABORTED: readonly AbortedTransaction[] = [];

export function fetchRequest(options: FetchOptions): WireRequest<FetchAnswer> {
  const body = new ByteWriter()
    .int32(-1)
    .int32(options.maxWaitMs)
    .int32(1)
    .int32(options.maxBytes)
    .int8(READ_COMMITTED)
    .int32(0)
    .int32(-1)
    .int32(1)
    .string(options.topic)
    .array(options.partitions, (writer, { partition, offset, maxBytes }) =>
      writer.int32(partition).int32(-1).int64(offset).int64(-1).int32(maxBytes),
    )
    .int32(0)
    .string('')
    .finish();
  return wireRequest('fetch', 11, body, decodeFetch);
}

function decodeFetch(bytes: Buffer): FetchAnswer & { clientSideThrottleTime: number } {
  const reader = new ByteReader(bytes);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  reader.int32();
  const partitions = reader.array((r) => {
    r.string();
    return r.array(decodePartition);
  });
  return { clientSideThrottleTime, errorCode, partitions: partitions.flat() };
}

function decodePartition(reader: ByteReader): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64();
  const lastStableOffset = reader.int64();
  const logStartOffset = reader.int64();
  const abortedCount = reader.int32();
  const aborted = abortedCount > 0 ? decodeAborted(reader, abortedCount) : NONE_ABORTED;
  reader.int32();
  const length = reader.int32();
  // Most partitions of most answers have none.
  const records = length > 0 ? reader.take(length) : NO_RECORDS;
  return { partition, errorCode, highWatermark, lastStableOffset, logStartOffset, aborted, records };
}

function decodeAborted(reader: ByteReader, count: number): AbortedTransaction[] {
  const aborted: AbortedTransaction[] = [];
  for (let i = 0; i < count; i++) {
    aborted.push({ producerId: reader.int64Text(), firstOffset: reader.int64() });
  }
  return aborted;
}
