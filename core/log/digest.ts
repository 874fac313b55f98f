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
import type { Offset } from '../ids.ts';

export interface Digest {
  /** Bytes 0 to 3, big-endian. */
  readonly hi: number;
  /** Bytes 4 to 7, big-endian. */
  readonly lo: number;
}

export type DigestOf = (event: string, data: Uint8Array) => Digest;

/** More than two batches of 256 KB can hold; each keeps its publish's data in memory until it is read back. */
const MAX_REMEMBERED_DIGESTS = 16_384;
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

/**
 * Digests of publishes that were decided and not read back, so that what was hashed to decide is not hashed again to fold. Content
 * is compared, never assumed: whatever stands in the log gets its own digest.
 */
export class DigestMemo {
  readonly digestOf: DigestOf;
  readonly #inFlight = new Map<
    Offset,
    { readonly event: string; readonly data: Uint8Array; readonly digest: Digest }
  >();
  readonly #limit: number;

  constructor(compute: DigestOf = digestOf, limit: number = MAX_REMEMBERED_DIGESTS) {
    this.digestOf = compute;
    this.#limit = limit;
  }

  /** Remembers what inbound's content hashed to. Past the limit it is not remembered, which costs time only. */
  remember(inbound: Offset, event: string, data: Uint8Array, digest: Digest): void {
    if (this.#inFlight.size < this.#limit) this.#inFlight.set(inbound, { event, data, digest });
  }

  /** The content's digest: the remembered one, once, where this inbound's content is the same. */
  take(inbound: Offset, event: string, data: Uint8Array): Digest {
    const known = this.#inFlight.get(inbound);
    if (known === undefined) return this.digestOf(event, data);
    this.#inFlight.delete(inbound);
    return known.event === event && Buffer.compare(known.data, data) === 0 ? known.digest : this.digestOf(event, data);
  }

  clear(): void {
    if (this.#inFlight.size > 0) this.#inFlight.clear();
  }
}

/** 16 hex digits, as vectors and logs have it. */
export function digestHex(digest: Digest): string {
  return digest.hi.toString(16).padStart(8, '0') + digest.lo.toString(16).padStart(8, '0');
}
