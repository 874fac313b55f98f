/** Reading and writing Kafka's primitive types (https://kafka.apache.org/protocol#protocol_types), non-flexible versions. */
import { grownTo } from '../../../core/grown-buffer.ts';

const TWO_32 = 2 ** 32;

/** An int64 as a number: offsets and times stay far below 2^53, and `-1` is exact. */
export const int64At = (bytes: Buffer, at: number): number =>
  bytes.readInt32BE(at) * TWO_32 + bytes.readUInt32BE(at + 4);

export function writeInt64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(value - high * TWO_32, at + 4);
}

/** Reads forward. Throws a RangeError past the end. */
export class ByteReader {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  int8(): number {
    return this.bytes.readInt8(this.at++);
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  int64(): number {
    this.at += 8;
    return int64At(this.bytes, this.at - 8);
  }

  /** As text, for ids that may use all 64 bits. */
  int64Text(): string {
    this.at += 8;
    return this.bytes.readBigInt64BE(this.at - 8).toString();
  }

  string(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.take(length).toString();
  }

  nullableBytes(): Buffer | null {
    const length = this.int32();
    return length < 0 ? null : this.take(length);
  }

  array<T>(read: (reader: ByteReader) => T): T[] {
    const length = this.int32();
    const result: T[] = [];
    for (let i = 0; i < length; i++) result.push(read(this));
    return result;
  }

  /** A view, not a copy. */
  take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new RangeError('the answer ends early');
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** What most requests fit in; a pool's slice, so it costs nothing to speak of. */
const FIRST_BYTES = 1_024;

/** Writes a request body into one buffer that grows: a fetch has some seventy fields, and a buffer for each would cost more than the rest of it. */
export class ByteWriter {
  #bytes: Buffer<ArrayBuffer>;
  #at = 0;

  /** `bytes`: what is expected to be written. */
  constructor(bytes: number = FIRST_BYTES) {
    this.#bytes = Buffer.allocUnsafe(bytes);
  }

  int8(value: number): this {
    const at = this.#take(1);
    this.#bytes.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#take(2);
    this.#bytes.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#take(4);
    this.#bytes.writeInt32BE(value, at);
    return this;
  }

  int64(value: number): this {
    const at = this.#take(8);
    writeInt64(this.#bytes, at, value);
    return this;
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const length = Buffer.byteLength(value);
    this.int16(length);
    const at = this.#take(length);
    this.#bytes.write(value, at);
    return this;
  }

  array<T>(items: readonly T[], write: (writer: ByteWriter, item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  raw(piece: Buffer): this {
    const at = this.#take(piece.length);
    piece.copy(this.#bytes, at);
    return this;
  }

  finish(): Buffer {
    return this.#bytes.subarray(0, this.#at);
  }

  /** Where so many bytes may be written. */
  #take(length: number): number {
    const at = this.#at;
    this.#at = at + length;
    this.#bytes = grownTo(this.#bytes, at, this.#at);
    return at;
  }
}
