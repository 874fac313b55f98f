/** One uncompressed record batch (layout in decode-batches.ts) of a producer without an id, as Kafka takes one per partition and request. */
import type { AppendRecord } from '../../../core/ports/event-log.ts';
import { HEADER_BYTES } from './batch-header.ts';
import { writeInt64 } from './bytes.ts';
import { crc32c } from './crc32c.ts';

/** `nowMs` is the create time; topics with LogAppendTime put the broker's in its place. */
export function encodeBatch(records: readonly AppendRecord[], nowMs: number): Buffer {
  const headers = records.map(encodeHeaders);
  const sizes = records.map((record, i) => bodySize(record, i, (headers[i] as Buffer).length));
  let total = HEADER_BYTES;
  for (const size of sizes) total += varintSize(size) + size;

  const bytes = Buffer.allocUnsafe(total);
  writeInt64(bytes, 0, 0);
  bytes.writeInt32BE(total - 12, 8);
  bytes.writeInt32BE(-1, 12);
  bytes.writeInt8(2, 16);
  bytes.writeInt16BE(0, 21);
  bytes.writeInt32BE(records.length - 1, 23);
  writeInt64(bytes, 27, nowMs);
  writeInt64(bytes, 35, nowMs);
  bytes.writeInt32BE(-1, 43);
  bytes.writeInt32BE(-1, 47);
  bytes.writeInt16BE(-1, 51);
  bytes.writeInt32BE(-1, 53);
  bytes.writeInt32BE(records.length, 57);

  let at = HEADER_BYTES;
  for (let i = 0; i < records.length; i++) {
    const record = records[i] as AppendRecord;
    at = writeVarint(bytes, at, sizes[i] as number);
    bytes[at++] = 0; // attributes
    bytes[at++] = 0; // timestamp delta
    at = writeVarint(bytes, at, i);
    at = writeField(bytes, at, record.key);
    at = writeField(bytes, at, record.value);
    const header = headers[i] as Buffer;
    if (header === NO_HEADERS) bytes[at++] = 0;
    else at += header.copy(bytes, at);
  }
  bytes.writeUInt32BE(crc32c(bytes, 21, total), 17);
  return bytes;
}

/** Copied byte by byte, faster than by a call. */
const SHORT_BYTES = 32;
const NO_HEADERS = Buffer.from([0]);

/** A varint count, then per header a varint-prefixed name and value. */
function encodeHeaders({ headers }: AppendRecord): Buffer {
  const entries = headers ? Object.entries(headers) : [];
  if (entries.length === 0) return NO_HEADERS;
  const pieces: Buffer[] = [varint(entries.length)];
  for (const [name, value] of entries) {
    for (const text of [name, value]) {
      const bytes = Buffer.from(text);
      pieces.push(varint(bytes.length), bytes);
    }
  }
  return Buffer.concat(pieces);
}

function bodySize(record: AppendRecord, index: number, headerBytes: number): number {
  return 2 + varintSize(index) + fieldSize(record.key) + fieldSize(record.value) + headerBytes;
}

const fieldSize = (field: Buffer | null) => (field ? varintSize(field.length) + field.length : 1);

function writeField(bytes: Buffer, at: number, field: Buffer | null): number {
  if (!field) return writeVarint(bytes, at, -1);
  const start = writeVarint(bytes, at, field.length);
  if (field.length > SHORT_BYTES) bytes.set(field, start);
  else for (let place = 0; place < field.length; place++) bytes[start + place] = field[place] as number;
  return start + field.length;
}

const zigzag = (value: number) => ((value << 1) ^ (value >> 31)) >>> 0;

function varintSize(value: number): number {
  let rest = zigzag(value);
  let size = 1;
  while (rest >= 0x80) {
    rest >>>= 7;
    size++;
  }
  return size;
}

function writeVarint(bytes: Buffer, start: number, value: number): number {
  let at = start;
  let rest = zigzag(value);
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

function varint(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(varintSize(value));
  writeVarint(bytes, 0, value);
  return bytes;
}
