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
import type { AppendRecord, LogRecord } from '../../../core/ports/event-log.ts';
import { unpack } from '../codecs.ts';
import {
  type Batch,
  BatchFault,
  CODEC_BITS,
  CONTROL_BIT,
  type EchoOf,
  HEADER_BYTES,
  headerAt,
  LOG_APPEND_TIME_BIT,
  TRANSACTIONAL_BIT,
} from './batch-header.ts';
import { int64At } from './bytes.ts';
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

const ABORT_MARKER = 0;
/** Two varints and two lengths: no record is shorter. */
const MIN_RECORD_BYTES = 7;

export interface DecoderOptions {
  /** Default: `SLICE_RECORDS`. */
  readonly sliceRecords?: number;
  readonly echoOf?: EchoOf;
  /** False: keys are null. Default: true. */
  readonly keys?: boolean;
}

/** The rest of a batch that is being decoded. `cursor` is null where it could not be unpacked, or need not be. */
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
  readonly #echoOf: EchoOf | undefined;
  readonly #keys: boolean;
  #at = 0;
  #next: number;
  #open: OpenBatch | null = null;
  #opening: Promise<void> | null = null;

  constructor(
    bytes: Buffer,
    from: number,
    aborted: readonly AbortedTransaction[],
    { sliceRecords = SLICE_RECORDS, echoOf, keys = true }: DecoderOptions = {},
  ) {
    this.#bytes = bytes;
    this.#from = from;
    this.#next = from;
    this.#abortedAhead = aborted.length === 0 ? [] : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
    this.#sliceRecords = sliceRecords;
    this.#echoOf = echoOf;
    this.#keys = keys;
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
        } else if (this.#open.batch.echo !== null) {
          records.push(this.#echoed(this.#open, this.#open.batch.echo));
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
      const batch = headerAt(this.#bytes, this.#at, this.#echoOf);
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

  #unpack(batch: Batch): true | Promise<void> {
    if (batch.echo !== null) return this.#begin(batch, null);
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

  /** `body`: null where it can't be unpacked, or need not be. Without compaction every offset of a batch has a record, so then the offsets count. */
  #begin(batch: Batch, body: Buffer | null): true {
    const bytes = this.#bytes;
    const { at, baseOffset, lastOffset } = batch;
    const appendTime = (batch.attributes & LOG_APPEND_TIME_BIT) !== 0;
    // With LogAppendTime the broker writes its time into maxTimestamp alone and leaves the records' deltas as the producer sent them.
    const time = int64At(bytes, at + (appendTime || (body === null && batch.echo === null) ? 35 : 27));
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
      const key = this.#keys ? cursor.bytesOrNull(end) : cursor.passOver(end);
      const value = cursor.bytesOrNull(end);
      if (key === undefined || value === undefined) throw new BatchFault(baseOffset, 'a field ends past its record');
      record = { offset: offset as Offset, timestamp, key, value };
      this.#next = offset + 1;
    }
    // Headers are not needed, so they are not read.
    cursor.at = end;
    return record;
  }

  #echoed(open: OpenBatch, echo: readonly AppendRecord[]): LogRecord {
    const { key, value } = echo[echo.length - open.left] as AppendRecord;
    const offset = open.batch.lastOffset + 1 - open.left;
    open.left--;
    this.#next = offset + 1;
    return { offset: offset as Offset, timestamp: open.time, key, value };
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
