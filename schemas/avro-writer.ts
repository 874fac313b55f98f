/**
 * Encodes into slabs that it owns and hands out slices of them: no copy after encoding, and no slice is ever written to
 * again, since a slab's position only moves forward. A slice kept alive keeps its slab alive, so slices are for sending
 * and letting go.
 */
import type { Type } from 'avsc';
import { RoomlogError } from '../core/errors.ts';
import { HEADER_BYTES, writeHeader } from './wire.ts';

const SLAB_BYTES = 65_536;
/** Records above this get a buffer of their own, so that one large record does not waste the rest of a slab. */
const OWN_BUFFER_BYTES = SLAB_BYTES / 4;

let slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
let used = 0;

/** Takes a large record once, before it is copied out. */
const SCRATCH_BYTES = 524_288;
let scratch: Buffer | null = null;

/** One record in the wire format. Throws `corrupt_record` for a value that does not fit the type: a bug of the caller's. */
export function encodeRecord(type: Type, id: number, value: object): Buffer {
  const start = used;
  let end: number;
  try {
    end = type.encode(value, slab, start + HEADER_BYTES);
  } catch {
    // avsc's own message quotes the value, which may be a payload: name the field instead.
    throw new RoomlogError('corrupt_record', `A record could not be encoded: ${misfit(type, value)} does not fit.`);
  }
  if (end >= 0) {
    writeHeader(slab, start, id);
    used = end;
    return slab.subarray(start, end);
  }
  // avsc answers with the missing bytes, negative, and has written nothing outside of the slab.
  const size = slab.length - start - end;
  if (size > OWN_BUFFER_BYTES) {
    const own = Buffer.allocUnsafeSlow(size);
    type.encode(value, own, HEADER_BYTES);
    writeHeader(own, 0, id);
    return own;
  }
  slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  used = 0;
  return encodeRecord(type, id, value);
}

/** The same for records of hundreds of kilobytes, which don't fit a slab: a buffer of its own each. Throws `corrupt_record`. */
export function encodeLargeRecord(type: Type, id: number, value: object): Buffer {
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  let end: number;
  try {
    end = type.encode(value, scratch, HEADER_BYTES);
  } catch {
    throw new RoomlogError('corrupt_record', `A record could not be encoded: ${misfit(type, value)} does not fit.`);
  }
  // Larger than expected: once more, into a buffer of the size that avsc told.
  if (end < 0) return encodeRecord(type, id, value);
  writeHeader(scratch, 0, id);
  return Buffer.from(scratch.subarray(0, end));
}

function misfit(type: Type, value: object): string {
  let field = type.name ?? 'the record';
  type.isValid(value, {
    errorHook: (path) => {
      field = path.join('.') || field;
    },
  });
  return field;
}
