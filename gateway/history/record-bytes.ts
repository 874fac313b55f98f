/**
 * Bytes of records, one behind the other in large buffers of their own: what V8 has to look through is a buffer for some hundred records, and
 * no record keeps the answer of Kafka alive that it came in. First in, first out.
 *
 *     position   0         65,536     131,072
 *                | ……… dropped | records … | records … |      a record may go over from one chunk to the next
 */
import { Buffer } from 'node:buffer';
import { Pages } from '../../core/pages.ts';

const CHUNK_BYTES = 65_536;

export class RecordBytes {
  #chunks: Buffer[] = [];
  /** Where the first chunk begins. */
  #from = 0;
  /** The first byte that is held. */
  #start = 0;
  #end = 0;
  /** The one that was dropped last, to be filled again. */
  #spare: Buffer | null = null;
  readonly #copies = new Pages();

  /** Bytes of the records held. */
  get bytes(): number {
    return this.#end - this.#start;
  }

  /** Bytes of memory taken for them. */
  get capacity(): number {
    return this.#chunks.length * CHUNK_BYTES;
  }

  /** Where the next record will begin, counted from the first one that ever was. */
  get end(): number {
    return this.#end;
  }

  /** Copies it. */
  push(record: Buffer): void {
    for (let done = 0; done < record.length; ) {
      if (this.#end === this.#from + this.#chunks.length * CHUNK_BYTES) {
        this.#chunks.push(this.#spare ?? Buffer.allocUnsafeSlow(CHUNK_BYTES));
        this.#spare = null;
      }
      const copied = record.copy(this.#chunks.at(-1) as Buffer, this.#end % CHUNK_BYTES, done);
      done += copied;
      this.#end += copied;
    }
  }

  /** What stands between two positions that are held, in bytes of its own: they are kept as long as the event that is made of them. */
  copy(from: number, to: number): Buffer {
    return this.#copyTo(this.#copies.take(to - from), from);
  }

  /** As `copy`, for who only looks: part of the chunk where it lies in one. What is kept of it would keep the chunk, or change as that is filled again. */
  view(from: number, to: number): Buffer {
    const first = Math.floor((from - this.#from) / CHUNK_BYTES);
    if (Math.floor((to - 1 - this.#from) / CHUNK_BYTES) !== first) {
      return this.#copyTo(Buffer.allocUnsafe(to - from), from);
    }
    const at = from % CHUNK_BYTES;
    return (this.#chunks[first] as Buffer).subarray(at, at + to - from);
  }

  /** Nothing below is asked for any more. */
  dropBelow(position: number): void {
    this.#start = position;
    while (this.#from + CHUNK_BYTES <= position) {
      this.#spare = this.#chunks.shift() ?? null;
      this.#from += CHUNK_BYTES;
    }
  }

  #copyTo(record: Buffer, from: number): Buffer {
    for (let done = 0; done < record.length; ) {
      const at = from + done;
      const chunk = this.#chunks[Math.floor((at - this.#from) / CHUNK_BYTES)] as Buffer;
      done += chunk.copy(record, done, at % CHUNK_BYTES);
    }
    return record;
  }
}
