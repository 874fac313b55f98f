/**
 * The digest that tells a repeated publish from another one under the same number: the first 8 bytes of
 *
 *     sha256( u32be byte length of the event name ‖ event name, UTF-8 ‖ data )
 *
 * as two unsigned 32-bit halves, so that it is compared and stored without an allocation. Part of the fold's state:
 * changing it changes FOLD_VERSION.
 */
import { Buffer } from 'node:buffer';
import { hash } from 'node:crypto';

export interface Digest {
  /** Bytes 0 to 3, big-endian. */
  readonly hi: number;
  /** Bytes 4 to 7, big-endian. */
  readonly lo: number;
}

export type DigestOf = (event: string, data: Uint8Array) => Digest;

/** Inputs up to this size are put together in one reused buffer. */
const SCRATCH_BYTES = 16_384;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
/** Views that are kept, one for each length below. */
const MAX_VIEWS = 1_024;

const word = (bytes: string, at: number): number =>
  ((bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)) >>>
  0;

/** The name that stands at the front of `scratch`, since most events have the one before them had, and where it ends. */
let lastEvent: string | null = null;
let nameEnd = 0;
/** The front of `scratch` by length, for short inputs: making a view takes as long as hashing some dozen bytes. */
const views: Buffer[] = [];

export const digestOf: DigestOf = (event, data) => {
  // As a string of bytes: a third of what Node takes to hand over a buffer.
  const digest = hash('sha256', inputOf(event, data), 'binary');
  return { hi: word(digest, 0), lo: word(digest, 4) };
};

function inputOf(event: string, data: Uint8Array): Buffer {
  if (event !== lastEvent) {
    const nameBytes = Buffer.byteLength(event);
    if (4 + nameBytes + data.byteLength > SCRATCH_BYTES) return largeInput(event, nameBytes, data);
    scratch.writeUInt32BE(nameBytes, 0);
    scratch.write(event, 4);
    lastEvent = event;
    nameEnd = 4 + nameBytes;
  }
  const end = nameEnd + data.byteLength;
  if (end > SCRATCH_BYTES) return largeInput(event, nameEnd - 4, data);
  scratch.set(data, nameEnd);
  if (end >= MAX_VIEWS) return scratch.subarray(0, end);
  const view = views[end] ?? scratch.subarray(0, end);
  views[end] = view;
  return view;
}

function largeInput(event: string, nameBytes: number, data: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(4 + nameBytes + data.byteLength);
  input.writeUInt32BE(nameBytes, 0);
  input.write(event, 4);
  input.set(data, 4 + nameBytes);
  return input;
}

/** 16 hex digits, as vectors and logs have it. */
export function digestHex(digest: Digest): string {
  return digest.hi.toString(16).padStart(8, '0') + digest.lo.toString(16).padStart(8, '0');
}
