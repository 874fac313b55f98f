/**
 * Record batches, format version 2 (https://kafka.apache.org/documentation/#recordbatch), straight into `LogRecord`s. Our own,
 * since kafkajs's decoder builds text offsets, headers and a context object for every record, and hides both the codes of single
 * partitions and batches without records.
 *
 * ```
 *  0 baseOffset int64        8 batchLength int32      12 partitionLeaderEpoch int32   16 magic int8 (2)
 * 17 crc uint32 (of 21 …)   21 attributes int16       23 lastOffsetDelta int32        27 baseTimestamp int64
 * 35 maxTimestamp int64     43 producerId int64       51 producerEpoch int16          53 baseSequence int32
 * 57 recordsCount int32     61 records: each a varint length, then attributes int8, timestampDelta varlong,
 *                              offsetDelta varint, key and value (varint length, -1 is null), headers
 * attributes: bits 0–2 codec, 3 LogAppendTime, 4 transactional, 5 control
 * ```
 */
import type { Offset } from '../../../core/ids.ts';
import type { LogRecord } from '../../../core/ports/event-log.ts';
import { unpack } from '../codecs.ts';
import { crc32c } from './crc32c.ts';

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: number;
}

export interface DecodedBatches {
  readonly records: readonly LogRecord[];
  /** Where to read on: past everything complete in the answer, seen or hidden. */
  readonly next: number;
  /** How many of `records` have null for key and value because their batch could not be unpacked. */
  readonly unreadable: number;
}

const HEADER_BYTES = 61;
/** Offset and length, which `batchLength` does not count. */
const PREFIX_BYTES = 12;
const CODEC_BITS = 0x07;
const LOG_APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;
const ABORT_MARKER = 0;
const TWO_32 = 2 ** 32;
/** Two varints and two lengths: no record is shorter. */
const MIN_RECORD_BYTES = 7;

/** What a batch says that can't be true; the caller makes a `corrupt_record` of it. */
export class BatchFault extends Error {
  readonly offset: number;

  constructor(offset: number, message: string, cause?: unknown) {
    super(`batch at offset ${offset}: ${message}`, cause === undefined ? undefined : { cause });
    this.offset = offset;
  }
}

/**
 * Reads the complete batches of one partition's answer, read-committed: control batches and records of aborted transactions
 * are left out. Keys and values are views of `bytes`. Throws `BatchFault`.
 *
 * A sound batch that this process can't unpack (a bomb, a codec's bug) must not stop the partition for ever, nor may its records
 * vanish: they are handed over without key and value, and whoever reads them decides what an unreadable record means.
 */
export function decodeBatches(bytes: Buffer, from: number, aborted: readonly AbortedTransaction[]): DecodedBatches {
  const records: LogRecord[] = [];
  const abortedAhead = aborted.length === 0 ? [] : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<string>();
  let next = from;
  let unreadable = 0;
  let at = 0;
  while (at + HEADER_BYTES <= bytes.length) {
    const baseOffset = int64(bytes, at);
    const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8);
    // Answers are cut at a byte limit; the rest comes with the next fetch.
    if (end > bytes.length) break;
    if (end < at + HEADER_BYTES) throw new BatchFault(baseOffset, 'impossible length');
    if (bytes[at + 16] !== 2) throw new BatchFault(baseOffset, `unsupported format version ${bytes[at + 16]}`);
    if (bytes.readUInt32BE(at + 17) !== crc32c(bytes, at + 21, end)) throw new BatchFault(baseOffset, 'wrong checksum');
    const attributes = bytes.readInt16BE(at + 21);
    const lastOffset = baseOffset + bytes.readInt32BE(at + 23);
    if (lastOffset >= from) {
      while (abortedAhead[0] && abortedAhead[0].firstOffset <= lastOffset) {
        aborting.add((abortedAhead.shift() as AbortedTransaction).producerId);
      }
      if (attributes & CONTROL_BIT) {
        const body = bytes.subarray(at + HEADER_BYTES, end);
        if (markerType(body) === ABORT_MARKER) aborting.delete(producerIdOf(bytes, at));
      } else if (!(attributes & TRANSACTIONAL_BIT && aborting.size > 0 && aborting.has(producerIdOf(bytes, at)))) {
        const body = readBody(bytes, at, end, attributes);
        if (body) readRecords(body, bytes, at, from, records);
        else unreadable += fillIn(bytes, at, Math.max(from, baseOffset), lastOffset, records);
      }
      next = Math.max(next, lastOffset + 1);
    }
    at = end;
  }
  return { records, next, unreadable };
}

const producerIdOf = (bytes: Buffer, at: number) => bytes.readBigInt64BE(at + 43).toString();

const int64 = (bytes: Buffer, at: number) => bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);

/** null where it can't be unpacked. */
function readBody(bytes: Buffer, at: number, end: number, attributes: number): Buffer | null {
  const body = bytes.subarray(at + HEADER_BYTES, end);
  const codec = attributes & CODEC_BITS;
  if (codec === 0) return body;
  try {
    return unpack(codec, body);
  } catch {
    return null;
  }
}

/** Places for records that can't be read. Without compaction every offset of a batch has one. */
function fillIn(bytes: Buffer, at: number, first: number, last: number, into: LogRecord[]): number {
  const timestamp = int64(bytes, at + 35);
  for (let offset = first; offset <= last; offset++) {
    into.push({ offset: offset as Offset, timestamp, key: null, value: null });
  }
  return last - first + 1;
}

/** The type of a control record: key is version int16, type int16. */
function markerType(body: Buffer): number {
  const cursor = new Cursor(body);
  cursor.varint();
  cursor.at += 1;
  cursor.skipVarint();
  cursor.skipVarint();
  const key = cursor.bytesOrNull(body.length);
  return key && key.length >= 4 ? key.readInt16BE(2) : -1;
}

function readRecords(body: Buffer, bytes: Buffer, at: number, from: number, into: LogRecord[]): void {
  const baseOffset = int64(bytes, at);
  const appendTime = (bytes.readInt16BE(at + 21) & LOG_APPEND_TIME_BIT) !== 0;
  // With LogAppendTime the broker writes its time into maxTimestamp alone and leaves the records' deltas as the producer sent them.
  const batchTime = int64(bytes, at + (appendTime ? 35 : 27));
  const count = bytes.readInt32BE(at + 57);
  if (count < 0 || count * MIN_RECORD_BYTES > body.length) throw new BatchFault(baseOffset, 'impossible record count');
  const cursor = new Cursor(body);
  for (let i = 0; i < count; i++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    if (length < 0 || end > body.length) throw new BatchFault(baseOffset, 'a record ends past its batch');
    cursor.at += 1;
    let timestamp = batchTime;
    if (appendTime) cursor.skipVarint();
    else timestamp += cursor.varlong();
    const offset = baseOffset + cursor.varint();
    if (offset >= from) {
      const key = cursor.bytesOrNull(end);
      const value = cursor.bytesOrNull(end);
      if (key === undefined || value === undefined) throw new BatchFault(baseOffset, 'a field ends past its record');
      into.push({ offset: offset as Offset, timestamp, key, value });
    }
    // Headers are not needed, so they are not read.
    cursor.at = end;
  }
}

/** Reads zigzag varints. Reading past the end gives zeros, which the bounds above catch. */
class Cursor {
  readonly body: Buffer;
  at = 0;

  constructor(body: Buffer) {
    this.body = body;
  }

  varint(): number {
    const body = this.body;
    let byte = body[this.at++] ?? 0;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80 && shift < 35; shift += 7) {
      byte = body[this.at++] ?? 0;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  varlong(): number {
    const body = this.body;
    let byte = body[this.at++] ?? 0;
    let value = byte & 0x7f;
    let scale = 128;
    while (byte >= 0x80) {
      byte = body[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  skipVarint(): void {
    while ((this.body[this.at++] ?? 0) >= 0x80);
  }

  /** A length-prefixed field; null for length -1; undefined where it ends past `end`. */
  bytesOrNull(end: number): Buffer | null | undefined {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return this.at > end ? undefined : this.body.subarray(start, this.at);
  }
}
