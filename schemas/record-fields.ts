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

/** Of a number in seven bytes, the longest whose value is exact in any case: four of them, and three. */
const LOW_BITS = 28;
const HIGH_BITS = 21;
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

/** Whether nothing was rare so far. */
export function isPlain(): boolean {
  return !failed;
}

/** Where the next field begins. */
export function place(): number {
  return at;
}

/** A union's branch of two, where the first is null. */
export function isPresent(): boolean {
  const branch = record[at++];
  if (branch === 2) return true;
  if (branch !== 0) failed = true;
  return false;
}

/** In two halves of whole numbers, which is faster than one that outgrows 32 bits. */
export function long(): number {
  let byte = record[at++] ?? 0;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  let low = byte & 0x7f;
  for (let shift = 7; shift < LOW_BITS; shift += 7) {
    // Past the end there is no byte that ends a number.
    byte = record[at++] ?? 0x80;
    low |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (low >>> 1) ^ -(low & 1);
  }
  let high = 0;
  for (let shift = 0; shift < HIGH_BITS; shift += 7) {
    byte = record[at++] ?? 0x80;
    high |= (byte & 0x7f) << shift;
    if (byte >= 0x80) continue;
    const half = high * 2 ** (LOW_BITS - 1) + (low >>> 1);
    return (low & 1) === 0 ? half : -half - 1;
  }
  failed = true;
  return 0;
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
