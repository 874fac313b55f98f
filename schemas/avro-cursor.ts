/**
 * Reads Avro's binary form field by field. Every length and count is held against the bytes that are there before anything is made of
 * it, so the work is bounded by the input whatever it says.
 *
 *     long      zig-zag, 7 bits a byte, lowest first, 0x80 set in all but the last; at most 10 bytes
 *     string    long: its bytes | UTF-8           bytes: the same, opaque
 *     boolean   0 or 1
 *     union     long: the branch | its value
 *     array     blocks: long: count (negative: the count's negative, then long: the block's bytes) | items; a count of 0 ends it
 */
import { Buffer } from 'node:buffer';
import { RoomlogError } from '../core/errors.ts';

const MAX_LONG_BYTES = 10;
/** Up to here 7-bit groups fit the 32 bits of a bit operation. */
const FAST_LONG_BYTES = 4;
const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

/** All methods throw `corrupt_record` for bytes that are not what is asked for. */
export class AvroCursor {
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  /** Throws where bytes follow. */
  end(): void {
    if (this.remaining > 0) throw corrupt(`${this.remaining} bytes follow the last field`);
  }

  /** Any of 64 bits. */
  bigLong(): bigint {
    let value = 0n;
    for (let count = 0; count < MAX_LONG_BYTES; count += 1) {
      const byte = this.#byte();
      value |= BigInt(byte & 0x7f) << BigInt(7 * count);
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
    throw corrupt('a number has more than 64 bits');
  }

  /** Within ±2^53; others throw. */
  long(): number {
    const start = this.#at;
    let value = 0;
    for (let count = 0; count < FAST_LONG_BYTES; count += 1) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << (7 * count);
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    this.#at = start;
    const big = this.bigLong();
    if (big > MAX_SAFE || big < -MAX_SAFE) throw corrupt('a number is beyond 2^53');
    return Number(big);
  }

  /** Any of 64 bits, in decimal. */
  longText(): string {
    const fourth = this.#at + FAST_LONG_BYTES - 1;
    for (let at = this.#at; at <= fourth; at += 1) if ((this.#bytes[at] ?? 0) < 0x80) return `${this.long()}`;
    return `${this.bigLong()}`;
  }

  boolean(): boolean {
    const byte = this.#byte();
    if (byte > 1) throw corrupt('a boolean is neither 0 nor 1');
    return byte === 1;
  }

  /** A view, not a copy. */
  bytes(): Buffer {
    const length = this.long();
    if (length < 0) throw corrupt('a length is negative');
    return this.fixed(length);
  }

  /** A view of so many bytes. */
  fixed(length: number): Buffer {
    if (length > this.remaining) throw corrupt('it ends before its last field');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  string(): string {
    const length = this.long();
    if (length < 0) throw corrupt('a length is negative');
    if (length > this.remaining) throw corrupt('it ends before its last field');
    const start = this.#at;
    this.#at += length;
    const text = this.#bytes.toString('utf8', start, this.#at);
    // What invalid UTF-8 turns into; honest ones give the same bytes again.
    if (text.includes('\ufffd') && !Buffer.from(text).equals(this.#bytes.subarray(start, this.#at))) {
      throw corrupt('a string is not UTF-8');
    }
    return text;
  }

  /** A union's branch, of as many. */
  branch(branches: number): number {
    const branch = this.long();
    if (branch < 0 || branch >= branches) throw corrupt(`there is no branch ${branch}`);
    return branch;
  }

  /** A value of `["null", "long"]`; undefined for null. */
  optionalLong(): number | undefined {
    return this.branch(2) === 0 ? undefined : this.long();
  }

  /** A value of `["null", "string"]`; undefined for null. */
  optionalString(): string | undefined {
    return this.branch(2) === 0 ? undefined : this.string();
  }

  /** @param minItemBytes the fewest bytes that an item takes, at least 1: what bounds the count */
  array<T>(minItemBytes: number, readItem: () => T): T[] {
    const items: T[] = [];
    for (;;) {
      let count = this.long();
      if (count === 0) return items;
      if (count < 0) {
        count = -count;
        this.long();
      }
      if (count * minItemBytes > this.remaining) throw corrupt('an array has more items than bytes');
      for (let left = count; left > 0; left -= 1) items.push(readItem());
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw corrupt('it ends before its last field');
    this.#at += 1;
    return byte;
  }
}

const corrupt = (what: string): RoomlogError => new RoomlogError('corrupt_record', `This is not Avro: ${what}.`);
