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
import { RecordCursor } from './record-cursor.ts';

export interface AbortedTransaction {
  readonly producerId: string;
  readonly firstOffset: number;
}

/** Some of an answer's records, in order. */
export interface DecodedSlice {
  readonly records: readonly LogRecord[];
  /** Where to read on: past everything of the answer that was decoded up to here, seen or hidden. */
  readonly next: number;
  /** How many of `records` have null for key and value because their batch could not be unpacked. */
  readonly unreadable: number;
  /** Whether the answer holds more. */
  readonly more: boolean;
}

/**
 * Records decoded at a time. One packed batch of 1 MiB may hold millions: whoever takes them lets the event loop turn between
 * two slices, and memory holds one slice of records, not all of them.
 */
export const SLICE_RECORDS = 8_192;
/** Records gone past at a time where reading begins in the middle of a batch; they cost less than those that are kept. */
const SLICE_PASSED = 16 * SLICE_RECORDS;

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

/** Where a batch stands in the answer, and what its header says. */
interface Batch {
  readonly at: number;
  readonly end: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
}

/** The rest of a batch that is being decoded. `cursor` is null where it could not be unpacked. */
interface OpenBatch {
  readonly batch: Batch;
  readonly cursor: RecordCursor | null;
  readonly appendTime: boolean;
  readonly time: number;
  /** Records left; of one that could not be unpacked, offsets. */
  left: number;
}

/**
 * Reads the complete batches of one partition's answer slice by slice, read-committed: control batches and records of aborted
 * transactions are left out. Keys and values are views of `bytes`, or of what was unpacked.
 *
 * A sound batch that this process can't unpack (a bomb, a codec's bug) must not stop the partition for ever, nor may its records
 * vanish: they are handed over without key and value, and whoever reads them decides what an unreadable record means.
 */
export class BatchDecoder {
  readonly #bytes: Buffer;
  readonly #from: number;
  readonly #abortedAhead: AbortedTransaction[];
  readonly #aborting = new Set<string>();
  readonly #sliceRecords: number;
  #at = 0;
  #next: number;
  #open: OpenBatch | null = null;
  #opening: Promise<void> | null = null;

  constructor(
    bytes: Buffer,
    from: number,
    aborted: readonly AbortedTransaction[],
    sliceRecords: number = SLICE_RECORDS,
  ) {
    this.#bytes = bytes;
    this.#from = from;
    this.#next = from;
    this.#abortedAhead = aborted.length === 0 ? [] : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.#sliceRecords = sliceRecords;
  }

  /** A promise where a batch has to be unpacked first. One call at a time. Throws `BatchFault`. */
  slice(): DecodedSlice | Promise<DecodedSlice> {
    if (this.#opening !== null) return this.#opening.then(() => this.slice());
    const records: LogRecord[] = [];
    let passed = 0;
    let unreadable = 0;
    for (;;) {
      while (this.#open !== null) {
        if (records.length >= this.#sliceRecords || passed >= SLICE_PASSED) {
          return { records, next: this.#next, unreadable, more: true };
        }
        if (this.#open.left === 0) {
          this.#close(this.#open.batch);
        } else if (this.#open.cursor === null) {
          records.push(this.#unreadable(this.#open));
          unreadable++;
        } else {
          const record = this.#read(this.#open, this.#open.cursor);
          if (record === null) passed++;
          else records.push(record);
        }
      }
      const opened = this.#openNext();
      if (opened === null) return { records, next: this.#next, unreadable, more: false };
      if (opened === true) continue;
      if (records.length > 0) return { records, next: this.#next, unreadable, more: true };
      return opened.then(() => this.slice());
    }
  }

  /** Opens the next batch with records to show; null at the end of what is complete. */
  #openNext(): true | Promise<void> | null {
    for (;;) {
      const batch = this.#header();
      if (batch === null) return null;
      if (batch.lastOffset >= this.#from) {
        while (this.#abortedAhead[0] && this.#abortedAhead[0].firstOffset <= batch.lastOffset) {
          this.#aborting.add((this.#abortedAhead.shift() as AbortedTransaction).producerId);
        }
        if (batch.attributes & CONTROL_BIT) {
          const body = this.#bytes.subarray(batch.at + HEADER_BYTES, batch.end);
          if (markerType(body) === ABORT_MARKER) this.#aborting.delete(this.#producerId(batch));
        } else if (!this.#isAborted(batch)) {
          return this.#unpack(batch);
        }
      }
      this.#close(batch);
    }
  }

  #isAborted(batch: Batch): boolean {
    return (
      (batch.attributes & TRANSACTIONAL_BIT) !== 0 &&
      this.#aborting.size > 0 &&
      this.#aborting.has(this.#producerId(batch))
    );
  }

  #close({ end, lastOffset }: Batch): void {
    this.#open = null;
    this.#at = end;
    this.#next = Math.max(this.#next, lastOffset + 1);
  }

  /** The header of the batch at `#at`; null where no complete one stands there. */
  #header(): Batch | null {
    const bytes = this.#bytes;
    const at = this.#at;
    if (at + HEADER_BYTES > bytes.length) return null;
    const baseOffset = int64(bytes, at);
    const end = at + PREFIX_BYTES + bytes.readInt32BE(at + 8);
    // Answers are cut at a byte limit; the rest comes with the next fetch.
    if (end > bytes.length) return null;
    if (end < at + HEADER_BYTES) throw new BatchFault(baseOffset, 'impossible length');
    if (bytes[at + 16] !== 2) throw new BatchFault(baseOffset, `unsupported format version ${bytes[at + 16]}`);
    if (bytes.readUInt32BE(at + 17) !== crc32c(bytes, at + 21, end)) throw new BatchFault(baseOffset, 'wrong checksum');
    const lastOffset = baseOffset + bytes.readInt32BE(at + 23);
    return { at, end, baseOffset, lastOffset, attributes: bytes.readInt16BE(at + 21) };
  }

  #unpack(batch: Batch): true | Promise<void> {
    const body = this.#bytes.subarray(batch.at + HEADER_BYTES, batch.end);
    const codec = batch.attributes & CODEC_BITS;
    let unpacked: Buffer | Promise<Buffer> | null;
    try {
      unpacked = codec === 0 ? body : unpack(codec, body);
    } catch {
      unpacked = null;
    }
    if (!(unpacked instanceof Promise)) return this.#begin(batch, unpacked);
    const opening = unpacked
      .catch(() => null)
      .then((bytes) => {
        this.#opening = null;
        this.#begin(batch, bytes);
      });
    // Whoever asks for the next slice hears of a fault; nobody has to ask.
    opening.catch(() => {});
    this.#opening = opening;
    return opening;
  }

  /** `body`: null where it can't be unpacked. Without compaction every offset of a batch has a record, so then the offsets count. */
  #begin(batch: Batch, body: Buffer | null): true {
    const bytes = this.#bytes;
    const { at, baseOffset, lastOffset } = batch;
    const appendTime = (batch.attributes & LOG_APPEND_TIME_BIT) !== 0;
    // With LogAppendTime the broker writes its time into maxTimestamp alone and leaves the records' deltas as the producer sent them.
    const time = int64(bytes, at + (appendTime || body === null ? 35 : 27));
    if (body === null) {
      const left = lastOffset + 1 - Math.max(this.#from, baseOffset);
      this.#open = { batch, cursor: null, appendTime, time, left };
      return true;
    }
    const left = bytes.readInt32BE(at + 57);
    if (left < 0 || left * MIN_RECORD_BYTES > body.length) throw new BatchFault(baseOffset, 'impossible record count');
    this.#open = { batch, cursor: new RecordCursor(body), appendTime, time, left };
    return true;
  }

  /** The next record; null for one before `#from`. */
  #read(open: OpenBatch, cursor: RecordCursor): LogRecord | null {
    const { baseOffset } = open.batch;
    open.left--;
    const length = cursor.varint();
    const end = cursor.at + length;
    if (length < 0 || end > cursor.body.length) throw new BatchFault(baseOffset, 'a record ends past its batch');
    cursor.at += 1;
    let timestamp = open.time;
    if (open.appendTime) cursor.skipVarint();
    else timestamp += cursor.varlong();
    const offset = baseOffset + cursor.varint();
    let record: LogRecord | null = null;
    if (offset >= this.#from) {
      const key = cursor.bytesOrNull(end);
      const value = cursor.bytesOrNull(end);
      if (key === undefined || value === undefined) throw new BatchFault(baseOffset, 'a field ends past its record');
      record = { offset: offset as Offset, timestamp, key, value };
      this.#next = offset + 1;
    }
    // Headers are not needed, so they are not read.
    cursor.at = end;
    return record;
  }

  #unreadable(open: OpenBatch): LogRecord {
    const offset = open.batch.lastOffset + 1 - open.left;
    open.left--;
    this.#next = offset + 1;
    return { offset: offset as Offset, timestamp: open.time, key: null, value: null };
  }

  #producerId(batch: Batch): string {
    return this.#bytes.readBigInt64BE(batch.at + 43).toString();
  }
}

const int64 = (bytes: Buffer, at: number) => bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);

/** The type of a control record: key is version int16, type int16. */
function markerType(body: Buffer): number {
  const cursor = new RecordCursor(body);
  cursor.varint();
  cursor.at += 1;
  cursor.skipVarint();
  cursor.skipVarint();
  const key = cursor.bytesOrNull(body.length);
  return key && key.length >= 4 ? key.readInt16BE(2) : -1;
}
