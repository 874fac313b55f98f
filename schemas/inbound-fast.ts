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
import {
  begin,
  endOfField,
  isPlain,
  isPresent,
  isWhole,
  long,
  name,
  place,
  skipField,
  text,
  view,
} from './record-fields.ts';
import { notePublisher, type PublisherFields, recurringPublisher } from './recurring-publisher.ts';
import { HEADER_BYTES, writeHeader } from './wire.ts';

const TWO_31 = 2 ** 31;
/** What was read last, and so is known to be as plain as this expects. */
let lastRead: Buffer | null = null;

/** null where it takes more than this to read (record-fields.ts). `origin` and `data` are views of `record`. */
export function readInboundFast(record: Buffer): InboundEvent | null {
  const { room, user, session } = readPublisher(record);
  const event = {
    room,
    user,
    session,
    pub: isPresent() ? long() : null,
    key: isPresent() ? text() : null,
    origin: isPresent() ? view() : null,
    event: name(),
    contentType: isPresent() ? name() : null,
    data: view(),
    expiresAt: isPresent() ? long() : null,
    traceparent: isPresent() ? text() : null,
  };
  if (!isWhole()) return null;
  lastRead = record;
  return event as unknown as InboundEvent;
}

/** Room, user and session; `pub` is next. */
function readPublisher(record: Buffer): PublisherFields {
  begin(record, HEADER_BYTES);
  skipField();
  const roomEnd = place();
  skipField();
  if (isPresent()) skipField();
  const end = place();
  const known = recurringPublisher(record, HEADER_BYTES, roomEnd, end);
  if (known !== null) return known;
  begin(record, HEADER_BYTES);
  const fields = { room: name(), user: name(), session: isPresent() ? name() : null };
  if (isPlain()) notePublisher(record, HEADER_BYTES, roomEnd, end, fields);
  return fields;
}

const SLAB_BYTES = 65_536;
/** What stands in an outbound record beside the inbound record's bytes, at most: nine longs and four branches. */
const MAX_GROWTH_BYTES = 96;
/** The branches of a record that has an event and no claim. */
const BODY_BYTES = 2;
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
  begin(source, HEADER_BYTES);
  const userAt = endOfField();
  const size = source.length + MAX_GROWTH_BYTES;
  let into = slab;
  let start = used;
  if (start + size > SLAB_BYTES) {
    into = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, size));
    start = 0;
    if (size <= SLAB_BYTES) slab = into;
  }
  const roomBytes = userAt - HEADER_BYTES;
  const headerBytes = longBytes(epoch) + longBytes(inbound) + longBytes(prevInbound) + longBytes(inboundTime);
  const tail = start + userAt + headerBytes + BODY_BYTES + longBytes(seq) + longBytes(time) + longBytes(prev);
  // All of it, so that what follows the room comes to its place by one copy; what stands before that is written over.
  into.set(source, tail - userAt);
  writeHeader(into, start, id);
  let to = start + HEADER_BYTES;
  to = writeLong(into, to, epoch);
  to = writeLong(into, to, inbound);
  to = writeLong(into, to, prevInbound);
  to = writeLong(into, to, inboundTime);
  into[to++] = 0;
  into[to++] = 2;
  for (let at = 0; at < roomBytes; at++) into[to++] = source[HEADER_BYTES + at] as number;
  to = writeLong(into, to, seq);
  to = writeLong(into, to, time);
  writeLong(into, to, prev);
  to = tail + source.length - userAt;
  into[to++] = 0;
  into[to++] = 0;
  if (into === slab) used = to;
  return into.subarray(start, to);
}

/** What `writeLong` will write. */
function longBytes(value: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  let bytes = 1;
  for (; rest >= 0x80; rest /= 128) bytes++;
  return bytes;
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
