/** Buffers that are written again once they were read: fresh memory costs the processor as much as what is written to it. */
import { Buffer } from 'node:buffer';

export class SpareBuffers {
  readonly #bytes: number;
  readonly #spares: ArrayBuffer[] = [];

  /** @param bytes of a new one */
  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  /** One that nobody reads; what stands in it means nothing. */
  take(): Buffer<ArrayBuffer> {
    const spare = this.#spares.pop();
    return spare === undefined ? Buffer.allocUnsafeSlow(this.#bytes) : Buffer.from(spare);
  }

  /** One that nobody reads any more. As many are kept as there were in use at a time, but none that had to grow much. */
  giveBack(bytes: ArrayBuffer): void {
    if (bytes.byteLength <= 2 * this.#bytes) this.#spares.push(bytes);
  }
}
