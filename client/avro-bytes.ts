/** Avro's binary form for browsers: only what the frames of `avro-frames.ts` need. Numbers are whole, within ±2^53. */

const GROUP = 0x80;
/** More groups of 7 bits than a number within ±2^53 has. */
const MAX_GROUPS = 9;
/** Below the negative of this, zig-zag needs 54 bits. */
const EXACT = 2 ** 51;
const FIRST_BYTES = 256;
const MAX_UTF8_PER_CHARACTER = 3;
const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class AvroWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #at = 0;

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Zig-zag: twice the number, or one less than twice its absolute value where it is negative. */
  long(value: number): void {
    this.#reserve(MAX_GROUPS);
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    if (value < -EXACT) {
      // Too large to be odd in a double: the first group apart.
      const big = -2n * BigInt(value) - 1n;
      this.#bytes[this.#at++] = Number(big & 0x7fn) | GROUP;
      rest = Number(big >> 7n);
    }
    while (rest >= GROUP) {
      this.#bytes[this.#at++] = (rest % GROUP) + GROUP;
      rest = Math.floor(rest / GROUP);
    }
    this.#bytes[this.#at++] = rest;
  }

  boolean(value: boolean): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value ? 1 : 0;
  }

  string(value: string): void {
    if (value.length * MAX_UTF8_PER_CHARACTER >= GROUP / 2) {
      this.bytes(encoder.encode(value));
      return;
    }
    // Short: its length takes one byte.
    this.#reserve(GROUP);
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#at + 1));
    this.#bytes[this.#at] = 2 * written;
    this.#at += 1 + written;
  }

  bytes(value: Uint8Array): void {
    this.long(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

/** All methods throw a RangeError or TypeError for bytes that are not what is asked for. */
export class AvroReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  long(): number {
    let byte = this.#byte();
    // The lowest bit is the sign: the rest is put together without it, since a double has no room for both.
    const isNegative = byte % 2 === 1;
    let value = Math.floor((byte % GROUP) / 2);
    let scale = GROUP / 2;
    for (let count = 1; byte >= GROUP; count += 1) {
      if (count === MAX_GROUPS) throw new RangeError('a number is beyond 2^53');
      byte = this.#byte();
      value += (byte % GROUP) * scale;
      scale *= GROUP;
    }
    return isNegative ? -value - 1 : value;
  }

  boolean(): boolean {
    return this.#byte() === 1;
  }

  string(): string {
    return decoder.decode(this.bytes());
  }

  /** A view. */
  bytes(): Uint8Array {
    const length = this.long();
    if (length < 0 || length > this.remaining) throw new RangeError('it ends before its last field');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  array<T>(readItem: () => T): T[] {
    const items: T[] = [];
    for (;;) {
      let count = this.long();
      if (count === 0) return items;
      if (count < 0) {
        count = -count;
        this.long();
      }
      if (count > this.remaining) throw new RangeError('an array has more items than bytes');
      for (; count > 0; count -= 1) items.push(readItem());
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new RangeError('it ends before its last field');
    this.#at += 1;
    return byte;
  }
}
