/**
 * What a client gave to be published, remembered until the log shows it: small content as it is, which is compared in no time; large content by its digest,
 * so that what waits for answers takes bounded memory.
 */
import { Buffer } from 'node:buffer';
import { type Digest, digestOf } from '../../core/log/digest.ts';

/** Up to this size content is kept whole: 50 MB at the default `gateway.maxPendingPublishes`. */
export const MAX_KEPT_BYTES = 1_024;

export class Content {
  readonly #event: string;
  readonly #data: Buffer | null;
  readonly #digest: Digest | null;

  constructor(event: string, data: Uint8Array) {
    const isKept = data.byteLength <= MAX_KEPT_BYTES;
    this.#event = event;
    // A copy: what it was cut from is as large as what one read of a socket brought.
    this.#data = isKept ? Buffer.from(data) : null;
    this.#digest = isKept ? null : digestOf(event, data);
  }

  equals(event: string, data: Uint8Array): boolean {
    if (this.#event !== event) return false;
    if (this.#data !== null) return this.#data.equals(data);
    const { hi, lo } = digestOf(event, data);
    return this.#digest?.hi === hi && this.#digest.lo === lo;
  }
}
