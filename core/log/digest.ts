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

const word = (bytes: string, at: number): number =>
  ((bytes.charCodeAt(at) << 24) |
    (bytes.charCodeAt(at + 1) << 16) |
    (bytes.charCodeAt(at + 2) << 8) |
    bytes.charCodeAt(at + 3)) >>>
  0;

export const digestOf: DigestOf = (event, data) => {
  const nameBytes = Buffer.byteLength(event);
  const totalBytes = 4 + nameBytes + data.byteLength;
  const input = totalBytes <= SCRATCH_BYTES ? scratch.subarray(0, totalBytes) : Buffer.allocUnsafe(totalBytes);
  input.writeUInt32BE(nameBytes, 0);
  input.write(event, 4);
  input.set(data, 4 + nameBytes);
  // As a string of bytes: a third of what Node takes to hand over a buffer.
  const digest = hash('sha256', input, 'binary');
  return { hi: word(digest, 0), lo: word(digest, 4) };
};

/** 16 hex digits, as vectors and logs have it. */
export function digestHex(digest: Digest): string {
  return digest.hi.toString(16).padStart(8, '0') + digest.lo.toString(16).padStart(8, '0');
}
