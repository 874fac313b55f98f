/**
 * Writes Avro's binary form field by field into one buffer that all writers of this process share, then copies out what was written: for
 * frames of some hundred bytes that is cheaper than telling the size before. `schemas/avro-cursor.ts` draws the form.
 */
import { Buffer } from 'node:buffer';
import { grownTo } from '../core/grown-buffer.ts';

const FIRST_BYTES = 65_536;
/** A scratch that one large frame has made grow is given back. */
const KEPT_BYTES = 1_048_576;
const MAX_LONG_BYTES = 10;
/** Zig-zag of these is exact in a double. */
const EXACT = 2 ** 51;

export class AvroScratch {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #at = 0;

  /** Begins a new value; what was not taken is gone. */
  begin(): this {
    this.#at = 0;
    return this;
  }

  /** What was written since `begin`, in a buffer of its own. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.#at);
    this.#bytes.copy(taken, 0, 0, this.#at);
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.#at = 0;
    return taken;
  }

  get length(): number {
    return this.#at;
  }

  /** Forgets what was written behind a `length`. */
  truncate(length: number): void {
    this.#at = length;
  }

  /** @param value a safe integer */
  long(value: number): this {
    if (value > EXACT || value < -EXACT) return this.bigLong(BigInt(value));
    this.#reserve(MAX_LONG_BYTES);
    let rest = value < 0 ? -2 * value - 1 : 2 * value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) + 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#at++] = rest;
    return this;
  }

  /** @param value of 64 bits */
  bigLong(value: bigint): this {
    this.#reserve(MAX_LONG_BYTES);
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
    while (rest >= 0x80n) {
      this.#bytes[this.#at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#at++] = Number(rest);
    return this;
  }

  boolean(value: boolean): this {
    this.#reserve(1);
    this.#bytes[this.#at++] = value ? 1 : 0;
    return this;
  }

  float(value: number): this {
    this.#reserve(4);
    this.#at = this.#bytes.writeFloatLE(value, this.#at);
    return this;
  }

  double(value: number): this {
    this.#reserve(8);
    this.#at = this.#bytes.writeDoubleLE(value, this.#at);
    return this;
  }

  string(value: string): this {
    const length = Buffer.byteLength(value);
    this.long(length);
    this.#reserve(length);
    this.#at += this.#bytes.write(value, this.#at, 'utf8');
    return this;
  }

  bytes(value: Uint8Array): this {
    return this.long(value.length).raw(value);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** A value of `["null", "string"]`. */
  optionalString(value: string | null | undefined): this {
    return value === null || value === undefined ? this.long(0) : this.long(1).string(value);
  }

  /** A value of `["null", "long"]`. */
  optionalLong(value: number | null | undefined): this {
    return value === null || value === undefined ? this.long(0) : this.long(1).long(value);
  }

  #reserve(bytes: number): void {
    this.#bytes = grownTo(this.#bytes, this.#at, this.#at + bytes);
  }
}
