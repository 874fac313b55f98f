/** Reading and writing Kafka's primitive types (https://kafka.apache.org/protocol#protocol_types), non-flexible versions. */

const TWO_32 = 2 ** 32;

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

  /** As a number: offsets and times stay far below 2^53, and `-1` is exact. */
  int64(): number {
    this.at += 8;
    return this.bytes.readInt32BE(this.at - 8) * TWO_32 + this.bytes.readUInt32BE(this.at - 4);
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

/** Collects the pieces of a request body. */
export class ByteWriter {
  readonly #pieces: Buffer[] = [];

  int8(value: number): this {
    const piece = Buffer.allocUnsafe(1);
    piece.writeInt8(value);
    return this.raw(piece);
  }

  int16(value: number): this {
    const piece = Buffer.allocUnsafe(2);
    piece.writeInt16BE(value);
    return this.raw(piece);
  }

  int32(value: number): this {
    const piece = Buffer.allocUnsafe(4);
    piece.writeInt32BE(value);
    return this.raw(piece);
  }

  int64(value: number): this {
    const piece = Buffer.allocUnsafe(8);
    piece.writeInt32BE(Math.floor(value / TWO_32), 0);
    piece.writeUInt32BE(value - Math.floor(value / TWO_32) * TWO_32, 4);
    return this.raw(piece);
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const bytes = Buffer.from(value);
    return this.int16(bytes.length).raw(bytes);
  }

  array<T>(items: readonly T[], write: (writer: ByteWriter, item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  raw(piece: Buffer): this {
    this.#pieces.push(piece);
    return this;
  }

  finish(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}
