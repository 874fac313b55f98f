/** Record batches as brokers and foreign producers write them, and all that is read of them. */
import type { AppendRecord, LogRecord } from '../../../core/ports/event-log.ts';
import { HEADER_BYTES } from './batch-header.ts';
import { crc32c } from './crc32c.ts';
import { type AbortedTransaction, BatchDecoder, type DecodedSlice } from './decode-batches.ts';
import { encodeBatch } from './encode-batch.ts';

export const NOW = 1_700_000_000_123;
export const record = (value: string | null, key: string | null = null): AppendRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
});

interface Changes {
  baseOffset?: number;
  attributes?: number;
  maxTimestamp?: number;
  producerId?: number;
  lastOffsetDelta?: number;
  /** Packs the records. */
  pack?: (records: Buffer) => Uint8Array;
}

/** A batch as a broker or a foreign producer would have written it. */
export function batch(records: readonly AppendRecord[], changes: Changes = {}): Buffer {
  let bytes = encodeBatch(records, NOW);
  if (changes.pack) {
    bytes = Buffer.concat([bytes.subarray(0, HEADER_BYTES), changes.pack(bytes.subarray(HEADER_BYTES))]);
    bytes.writeInt32BE(bytes.length - 12, 8);
  }
  bytes.writeBigInt64BE(BigInt(changes.baseOffset ?? 0), 0);
  if (changes.attributes !== undefined) bytes.writeInt16BE(changes.attributes, 21);
  if (changes.lastOffsetDelta !== undefined) bytes.writeInt32BE(changes.lastOffsetDelta, 23);
  if (changes.maxTimestamp !== undefined) bytes.writeBigInt64BE(BigInt(changes.maxTimestamp), 35);
  if (changes.producerId !== undefined) bytes.writeBigInt64BE(BigInt(changes.producerId), 43);
  bytes.writeUInt32BE(crc32c(bytes, 21), 17);
  return bytes;
}

export type Aborted = readonly AbortedTransaction[];

/** All slices of an answer in which nothing is large. */
export function decodeBatches(bytes: Buffer, from: number, aborted: Aborted): DecodedSlice {
  const slice = new BatchDecoder(bytes, from, aborted).slice();
  if (slice instanceof Promise || slice.more) throw new Error('the answer is large');
  return slice;
}

/** All slices of any answer, as one. */
export async function decodeAll(bytes: Buffer, from: number, sliceRecords?: number) {
  const decoder = new BatchDecoder(bytes, from, [], sliceRecords === undefined ? {} : { sliceRecords });
  const sizes: number[] = [];
  const records: LogRecord[] = [];
  let unreadable = 0;
  for (;;) {
    const slice = await decoder.slice();
    records.push(...slice.records);
    sizes.push(slice.records.length);
    unreadable += slice.unreadable;
    if (!slice.more) return { records, next: slice.next, unreadable, sizes };
  }
}
