/**
 * Reads the fields of a record one after the other, by hand, for readers that know their schema (`inbound-fast.ts`, `outbound-fast.ts`). Whatever
 * is rare sets `failed` and is left to the schema's own reader: bytes that end early, text that is not UTF-8 or holds U+FFFD, numbers of
 * more bytes than are exact in any case, branches that are not told in one byte. What follows such a field means nothing.
 *
 *     begin(record, 5)   text() … optionalLong() …   isWhole()
 *
 * One place to stand for the whole process, since reading is synchronous.
 */
import { recurring } from './recurring-text.ts';

/** Node's own slicing without the choice of an encoding by name; not in its types. */
type Slicing = Buffer & { latin1Slice(from: number, to: number): string; utf8Slice(from: number, to: number): string };

/** The longest varint whose value is exact in any case. */
const MAX_LONG_BYTES = 7;
const REPLACEMENT = '\ufffd';

let record: Buffer = Buffer.alloc(0);
let at = 0;
let failed = false;

export function begin(from: Buffer, start: number): void {
  record = from;
  at = start;
  failed = false;
}

/** Whether all fields were as they should be, and none is left. */
export function isWhole(): boolean {
  return !failed && at === record.length;
}

/** A union's branch of two, where the first is null. */
export function isPresent(): boolean {
  const branch = record[at++];
  if (branch === 2) return true;
  if (branch !== 0) failed = true;
  return false;
}

export function long(): number {
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

/** The end of a field that begins with its length; then its bytes are next. */
export function endOfField(): number {
  const length = long();
  const end = at + length;
  if (length >= 0 && end <= record.length) return end;
  failed = true;
  // All that is read from now on is empty.
  at = record.length;
  return at;
}

/** A view of the record. */
export function view(): Buffer {
  const end = endOfField();
  const found = record.subarray(at, end);
  at = end;
  return found;
}

/** Bytes of their own. */
export function copy(): Buffer {
  const end = endOfField();
  const found = Buffer.allocUnsafe(end - at);
  record.copy(found, 0, at, end);
  at = end;
  return found;
}

export function skipField(): void {
  at = endOfField();
}

export function text(): string {
  const end = endOfField();
  const start = at;
  at = end;
  return decoded(start, end);
}

/** Text that many records share, like a room's name: the same string again where it was read before. */
export function name(): string {
  const end = endOfField();
  const start = at;
  at = end;
  return recurring(record, start, end) ?? decoded(start, end);
}

function decoded(start: number, end: number): string {
  for (let next = start; next < end; next++) {
    if ((record[next] as number) < 0x80) continue;
    const found = (record as Slicing).utf8Slice(start, end);
    // It may stand there honestly; who is to say needs to look at the bytes.
    if (found.includes(REPLACEMENT)) failed = true;
    return found;
  }
  return (record as Slicing).latin1Slice(start, end);
}
