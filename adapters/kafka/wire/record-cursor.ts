/** The zigzag varints and length-prefixed fields of records (https://kafka.apache.org/documentation/#record). */

/** Reading past the end gives zeros, which the decoder's bounds catch. */
export class RecordCursor {
  readonly body: Buffer;
  at = 0;

  constructor(body: Buffer) {
    this.body = body;
  }

  varint(): number {
    const body = this.body;
    let byte = body[this.at++] ?? 0;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80 && shift < 35; shift += 7) {
      byte = body[this.at++] ?? 0;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  varlong(): number {
    const body = this.body;
    let byte = body[this.at++] ?? 0;
    let value = byte & 0x7f;
    let scale = 128;
    while (byte >= 0x80) {
      byte = body[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  skipVarint(): void {
    while ((this.body[this.at++] ?? 0) >= 0x80);
  }

  /** A length-prefixed field; null for length -1; undefined where it ends past `end`. */
  bytesOrNull(end: number): Buffer | null | undefined {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.at;
    this.at += length;
    return this.at > end ? undefined : this.body.subarray(start, this.at);
  }

  /** As `bytesOrNull`, but null for a field that is there. */
  passOver(end: number): null | undefined {
    const length = this.varint();
    if (length > 0) this.at += length;
    return this.at > end ? undefined : null;
  }
}
