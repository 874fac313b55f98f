/**
 * Inbound records of this version's own schema, by hand, since a sequencer reads each once and writes most of it on unchanged:
 *
 *     inbound                        │ room │ user session pub key origin event contentType data expiresAt traceparent │
 *     outbound  epoch … 0x00 0x02    │ room │ seq time prev │ user session … traceparent │ 0x00 0x00
 *
 * The fields from `user` on stand in both schemas in the same order, so an event's outbound record is the inbound record's own bytes with
 * numbers put between them (`spliceEvent`); a test compares it with what the codec encodes field by field.
 */
import type { InboundEvent, OutboundHeader, SequencedEvent } from '../core/log/record.ts';
import { HEADER_BYTES, writeHeader } from './wire.ts';

/** Node's own slicing without the choice of an encoding by name; not in its types. */
type Slicing = Buffer & { latin1Slice(from: number, to: number): string; utf8Slice(from: number, to: number): string };

const TWO_31 = 2 ** 31;
/** The longest varint whose value is exact in any case; longer ones are left to the schema's own reader. */
const MAX_LONG_BYTES = 7;
const REPLACEMENT = '\ufffd';

/** Where the reader stands; one for the whole process, since reading is synchronous. */
let at = 0;
/** Set where the bytes are not what this reader is for. */
let failed = false;
/** What was read last, and so is known to be as plain as this expects. */
let lastRead: Buffer | null = null;

/**
 * null where it takes more than this to read: bytes that end early or are too many, text that is not UTF-8 or holds U+FFFD, numbers that
 * are no safe integers. `origin` and `data` are views of `record`.
 */
export function readInboundFast(record: Buffer): InboundEvent | null {
  at = HEADER_BYTES;
  failed = false;
  const event = {
    room: text(record),
    user: text(record),
    session: isPresent(record) ? text(record) : null,
    pub: isPresent(record) ? long(record) : null,
    key: isPresent(record) ? text(record) : null,
    origin: isPresent(record) ? bytes(record) : null,
    event: text(record),
    contentType: isPresent(record) ? text(record) : null,
    data: bytes(record),
    expiresAt: isPresent(record) ? long(record) : null,
    traceparent: isPresent(record) ? text(record) : null,
  };
  if (failed || at !== record.length) return null;
  lastRead = record;
  return event as unknown as InboundEvent;
}

function isPresent(record: Buffer): boolean {
  const branch = record[at++];
  if (branch === 2) return true;
  if (branch !== 0) failed = true;
  return false;
}

function long(record: Buffer): number {
  let byte = record[at++] ?? 0;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let value = byte & 0x7f;
  let scale = 128;
  for (let length = 2; ; length++) {
    if (length > MAX_LONG_BYTES || at >= record.length) {
      failed = true;
      return 0;
    }
    byte = record[at++] as number;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 128;
  }
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

/** The end of a field that begins here with its length; `at` is then where its bytes begin. */
function endOf(record: Buffer): number {
  const length = long(record);
  const end = at + length;
  if (length >= 0 && end <= record.length) return end;
  failed = true;
  return at;
}

function bytes(record: Buffer): Buffer {
  const end = endOf(record);
  const found = record.subarray(at, end);
  at = end;
  return found;
}

function text(record: Buffer): string {
  const end = endOf(record);
  const start = at;
  at = end;
  for (let place = start; place < end; place++) {
    if ((record[place] as number) < 0x80) continue;
    const found = (record as Slicing).utf8Slice(start, end);
    // It may stand there honestly; who is to say needs to look at the bytes.
    if (found.includes(REPLACEMENT)) failed = true;
    return found;
  }
  return (record as Slicing).latin1Slice(start, end);
}

const SLAB_BYTES = 65_536;
/** What stands in an outbound record beside the inbound record's bytes, at most: nine longs and four branches. */
const MAX_GROWTH_BYTES = 96;
let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let used = 0;

/**
 * The outbound record of an event out of the inbound record that it was made of. Slices of slabs that are never written to again, as
 * `encodeRecord` hands them out. null where that is not the record that `readInboundFast` read last: one that it left to the codec may have
 * numbers in more bytes than they need, which this would take for something else, and other readers of the log need not take at all.
 */
export function spliceEvent(
  id: number,
  { epoch, inbound, prevInbound, inboundTime }: OutboundHeader,
  { seq, time, prev }: Pick<SequencedEvent, 'seq' | 'time' | 'prev'>,
  source: Buffer,
): Buffer | null {
  if (source !== lastRead) return null;
  at = HEADER_BYTES;
  const userAt = endOf(source);
  const size = source.length + MAX_GROWTH_BYTES;
  let into = slab;
  let start = used;
  if (start + size > SLAB_BYTES) {
    into = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, size));
    start = 0;
    if (size <= SLAB_BYTES) slab = into;
  }
  writeHeader(into, start, id);
  let to = start + HEADER_BYTES;
  to = writeLong(into, to, epoch);
  to = writeLong(into, to, inbound);
  to = writeLong(into, to, prevInbound);
  to = writeLong(into, to, inboundTime);
  into[to++] = 0;
  into[to++] = 2;
  to += source.copy(into, to, HEADER_BYTES, userAt);
  to = writeLong(into, to, seq);
  to = writeLong(into, to, time);
  to = writeLong(into, to, prev);
  to += source.copy(into, to, userAt);
  into[to++] = 0;
  into[to++] = 0;
  if (into === slab) used = to;
  return into.subarray(start, to);
}

/** Zigzag, then seven bits a byte; exact for safe integers. */
function writeLong(into: Buffer, start: number, value: number): number {
  let to = start;
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  while (rest >= TWO_31) {
    into[to++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 0x80) {
    into[to++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  into[to++] = rest;
  return to;
}
