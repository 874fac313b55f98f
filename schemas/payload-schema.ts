/**
 * An event's data under a schema of the registry: in Confluent's wire format (`schemas/wire.ts`), as stock serialisers write it, and as the
 * JSON that a JSON client gives and gets.
 */
import { Buffer } from 'node:buffer';
import { RoomlogError } from '../core/errors.ts';
import { AvroCursor } from './avro-cursor.ts';
import { parseSchema } from './avro-reader.ts';
import { AvroScratch } from './avro-scratch.ts';
import { jsonReader, type ReadJson, ReadState } from './avro-to-json.ts';
import { jsonWriter, Misfit, type WriteJson, writeWhole } from './json-to-avro.ts';
import { HEADER_BYTES, writeHeader } from './wire.ts';

/** The media type of data in Confluent's wire format: what `contentType` says of it. */
export const AVRO_PAYLOAD = 'application/vnd.confluent.avro';

/** Numbers of fewer digits are exact in a double. */
const MANY_DIGITS = /\d{16}/;
const WHOLE_NUMBER = /^-?\d+$/;
const scratch = new AvroScratch();

export class PayloadSchema {
  readonly id: number;
  readonly #write: WriteJson;
  readonly #read: ReadJson;

  /** Throws `corrupt_record` for a schema that is none, or has types that JSON can't stand for. */
  constructor(id: number, schema: string) {
    this.id = id;
    try {
      const type = parseSchema(schema);
      this.#write = jsonWriter(type);
      this.#read = jsonReader(type);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new RoomlogError('corrupt_record', `Schema ${id} can not be used (${text}).`, { cause });
    }
  }

  /** @param value see `parseExactly`. Throws `schema_rejected` with the path of what does not fit, beginning with `data`. */
  encode(value: unknown): Buffer {
    const header = Buffer.allocUnsafe(HEADER_BYTES);
    writeHeader(header, 0, this.id);
    try {
      scratch.begin().raw(header);
      writeWhole(this.#write, value, scratch);
      return scratch.take();
    } catch (thrown) {
      if (!(thrown instanceof Misfit)) throw thrown;
      const path = `data${thrown.path}`;
      throw new RoomlogError('schema_rejected', `${path} is ${thrown.message}.`, { details: { path } });
    }
  }

  /** JSON text of data that bears this schema's id. Throws `corrupt_record`. */
  decode(data: Uint8Array): string {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const cursor = new AvroCursor(bytes, HEADER_BYTES);
    const text = this.#read(cursor, new ReadState());
    cursor.end();
    return text;
  }
}

/** A JSON value whose whole numbers are exact: those beyond 2^53 are bigints. @param json valid */
export function parseExactly(json: string): unknown {
  if (!MANY_DIGITS.test(json)) return JSON.parse(json);
  return JSON.parse(json, (_key: string, value: unknown, ...[context]: unknown[]) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const { source } = context as { readonly source: string };
    return WHOLE_NUMBER.test(source) ? BigInt(source) : value;
  });
}
