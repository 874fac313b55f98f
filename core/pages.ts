/**
 * Memory for bytes that may be kept long, in pages that hold nothing else. Node gives small buffers out of pages that all of a process shares: a buffer that
 * is kept holds on to a whole one, 64 KB, with whatever was needed beside it for a moment. What is taken here in turn is let go in about the same order, so
 * pages go with what they hold.
 */
import { Buffer } from 'node:buffer';

const PAGE_BYTES = 16_384;
/** What is larger gets memory of its own: no page's end is left empty by more than this. */
const MAX_SHARED_BYTES = PAGE_BYTES / 4;
const NO_PAGE = Buffer.alloc(0);

export class Pages {
  #page: Buffer = NO_PAGE;
  #at = 0;

  /** Room for so many bytes; what stands in it means nothing. */
  take(bytes: number): Buffer {
    if (bytes > MAX_SHARED_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (this.#at + bytes > this.#page.length) {
      this.#page = Buffer.allocUnsafeSlow(PAGE_BYTES);
      this.#at = 0;
    }
    const from = this.#at;
    this.#at += bytes;
    return this.#page.subarray(from, this.#at);
  }
}
