/** Lines put together as the bytes that are printed: most of what stands in them is bytes already, and no string is made that is only copied. */
import type { Buffer } from 'node:buffer';
import { grownTo } from '../core/grown-buffer.ts';
import type { RoomId } from '../core/ids.ts';
import { type CursorPosition, MAX_CURSOR_CHARACTERS, writeCursor } from '../core/log/cursor.ts';
import type { SpareBuffers } from './spare-buffers.ts';

const BACKSLASH = 0x5c;
const QUOTE = 0x22;
const ZERO = 0x30;
const TWO_31 = 2 ** 31;
const TEN_MILLION = 10_000_000;
/** Of a safe integer, with its sign. */
const MAX_DIGITS = 17;
/** What one UTF-16 unit takes at most: in UTF-8, and in JSON as \u and four digits. */
const MAX_UNIT_BYTES = 3;
const MAX_QUOTED_UNIT_BYTES = 6;

export class LineBytes {
  readonly #buffers: SpareBuffers;
  #bytes: Buffer<ArrayBuffer>;
  #at = 0;
  #large = -1;
  #largeDigits = new Uint8Array(0);

  constructor(buffers: SpareBuffers) {
    this.#buffers = buffers;
    this.#bytes = buffers.take();
  }

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#at;
  }

  /** What was written, in a buffer of its own that another thread can be given. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#bytes.buffer, 0, this.#at);
    this.#bytes = this.#buffers.take();
    this.#at = 0;
    return taken;
  }

  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  text(text: string): this {
    this.#reserve(text.length * MAX_UNIT_BYTES);
    const bytes = this.#bytes;
    const start = this.#at;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit >= 0x80) {
        this.#at = start + bytes.write(text, start, 'utf8');
        return this;
      }
      bytes[start + index] = unit;
    }
    this.#at = start + text.length;
    return this;
  }

  /** As `JSON.stringify` has it. */
  quoted(text: string): this {
    this.#reserve(text.length * MAX_QUOTED_UNIT_BYTES + 2);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = QUOTE;
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index);
      if (unit < 0x20 || unit >= 0x80 || unit === QUOTE || unit === BACKSLASH) return this.text(JSON.stringify(text));
      bytes[at++] = unit;
    }
    bytes[at++] = QUOTE;
    this.#at = at;
    return this;
  }

  /** As `encodeCursor` has it: base64url, in which nothing needs an escape. */
  cursor(streamId: string, room: RoomId, position: CursorPosition): this {
    this.#reserve(MAX_CURSOR_CHARACTERS);
    this.#at = writeCursor(this.#bytes, this.#at, streamId, room, position);
    return this;
  }

  /** @param value an integer */
  integer(value: number): this {
    if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) return this.text(`${value}`);
    this.#reserve(MAX_DIGITS);
    if (value < TWO_31) {
      let digits = 1;
      for (let limit = 10; limit <= value; limit *= 10) digits++;
      return this.#digits(value, digits);
    }
    // Times come again: what is written at once has one of a few.
    if (value === this.#large) return this.raw(this.#largeDigits);
    const start = this.#at;
    const high = Math.floor(value / TEN_MILLION);
    this.integer(high).#digits(value - high * TEN_MILLION, 7);
    this.#large = value;
    this.#largeDigits = Uint8Array.from(this.#bytes.subarray(start, this.#at));
    return this;
  }

  /** @param value below 2^31, with zeros in front of it up to `digits` */
  #digits(value: number, digits: number): this {
    const bytes = this.#bytes;
    let rest = value;
    for (let at = this.#at + digits - 1; at >= this.#at; at--) {
      const next = (rest / 10) | 0;
      bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.#at += digits;
    return this;
  }

  #reserve(bytes: number): void {
    this.#bytes = grownTo(this.#bytes, this.#at, this.#at + bytes);
  }
}
