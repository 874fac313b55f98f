/**
 * What this process appended and has not read back yet. Equal bytes decode to equal records, so what comes back as it was sent need
 * not be decoded again: a tenth of the work per event. Anything else that stands in the log is decoded like any other.
 */
import type { OutboundRecord } from '../../core/log/record.ts';
import type { Batch } from './batch.ts';

export class Expected {
  /** In the order in which they were sent; as many as a process has out, so three at most. */
  #batches: Batch[] = [];
  /** Records of the first batch that came back. */
  #at = 0;

  add(batch: Batch): void {
    this.#batches.push(batch);
  }

  /** The broker refused it: it won't come back. */
  remove(batch: Batch): void {
    if (this.#batches[0] === batch) this.#at = 0;
    this.#batches = this.#batches.filter((one) => one !== batch);
  }

  clear(): void {
    this.#batches = [];
    this.#at = 0;
  }

  /** The record that these bytes are, if they are the next expected ones; else null. */
  take(value: Buffer | null): OutboundRecord | null {
    const [first] = this.#batches;
    if (first === undefined || value === null) return null;
    const sent = first.records[this.#at]?.value;
    // What comes back as it was sent is mostly the very buffer (`TailOptions.echoes`).
    if (sent !== value && sent?.equals(value) !== true) return null;
    const record = first.decided[this.#at] ?? null;
    this.#at++;
    if (this.#at === first.records.length) {
      this.#batches.shift();
      this.#at = 0;
    }
    return record;
  }
}
