/**
 * Decodes one kind of record, whichever version of its schema it was written with. Our own version is read directly;
 * others through a resolver built once from the writer's schema.
 */
import avsc from 'avsc';
import { RoomlogError } from '../core/errors.ts';
import type { SchemaStore } from '../core/ports/schema-store.ts';
import { boundsOf } from './avro-bounds.ts';
import { HEADER_BYTES } from './wire.ts';

/** How many writers' schemas are kept ready per kind of record; the least recently added goes first. */
const MAX_WRITERS = 256;

interface Writer {
  readonly type: avsc.Type;
  /** Absent where the writer's schema says the same as ours. */
  readonly resolver: ReturnType<avsc.Type['createResolver']> | undefined;
  /** Whether a record's lengths fit it; null for a schema that needs no look. */
  readonly fits: ReturnType<typeof boundsOf>;
}

export class AvroReader {
  readonly #type: avsc.Type;
  readonly #own: Writer;
  readonly #ownId: number;
  readonly #store: SchemaStore;
  readonly #writers = new Map<number, Writer | RoomlogError>();

  /**
   * @param type what is read
   * @param own what stands under `ownId`: the same, or a schema that has more fields, which are gone past
   */
  constructor(type: avsc.Type, ownId: number, store: SchemaStore, own: avsc.Type = type) {
    this.#type = type;
    this.#ownId = ownId;
    this.#own = {
      type: own,
      resolver: own === type ? undefined : type.createResolver(own),
      fits: boundsOf(own),
    };
    this.#store = store;
  }

  /** The writer's schema of an id; undefined while the store does not know it. Throws `corrupt_record` for one of another kind. */
  writer(id: number): Writer | undefined {
    if (id === this.#ownId) return this.#own;
    const found = this.#writers.get(id) ?? this.#build(id);
    if (found instanceof RoomlogError) throw found;
    return found;
  }

  /** Whether what stands under an id is written as this version writes it. Throws as `writer`. */
  isOwn(id: number): boolean {
    if (id === this.#ownId) return true;
    const writer = this.writer(id);
    return writer !== undefined && writer.resolver === undefined;
  }

  /** The record's fields, in copies of their own: nothing points into `record`. Throws `corrupt_record`. */
  decode(writer: Writer, record: Buffer): unknown {
    if (writer.fits?.(record, HEADER_BYTES) === false) {
      throw new RoomlogError('corrupt_record', 'A record ends before its last field.');
    }
    try {
      const { value, offset } = this.#type.decode(record, HEADER_BYTES, writer.resolver);
      if (offset === record.length) return value;
      throw new RoomlogError(
        'corrupt_record',
        offset < 0 ? 'A record ends before its last field.' : `${record.length - offset} bytes follow a record.`,
      );
    } catch (thrown) {
      if (thrown instanceof RoomlogError) throw thrown;
      throw corrupt(thrown);
    }
  }

  /**
   * Whether the record's strings were valid UTF-8. Asked only where a decoded one holds U+FFFD, which is what invalid bytes
   * turn into: encoded again, the honest ones give the same bytes.
   */
  isFaithful(writer: Writer, record: Buffer): boolean {
    return writer.type
      .toBuffer(writer.type.fromBuffer(record.subarray(HEADER_BYTES)))
      .equals(record.subarray(HEADER_BYTES));
  }

  #build(id: number): Writer | RoomlogError | undefined {
    const text = this.#store.known(id);
    if (text === undefined) return undefined;
    let built: Writer | RoomlogError;
    try {
      const type = parseSchema(text);
      const resolver = type.equals(this.#type) ? undefined : this.#type.createResolver(type);
      built = { type, resolver, fits: boundsOf(type) };
    } catch (cause) {
      built = new RoomlogError('corrupt_record', `Schema ${id} is not one of ${this.#type.name}.`, { cause });
    }
    if (this.#writers.size >= MAX_WRITERS) {
      for (const oldest of this.#writers.keys()) {
        this.#writers.delete(oldest);
        break;
      }
    }
    this.#writers.set(id, built);
    return built;
  }
}

/**
 * A type whose records are plain data: without avsc's methods, which could shadow a field. Options are made anew every
 * time, because avsc notes the names that it met in them.
 */
export function parseSchema(text: string): avsc.Type {
  return avsc.Type.forSchema(JSON.parse(text), { omitRecordMethods: true, wrapUnions: 'auto' });
}

function corrupt(thrown: unknown): RoomlogError {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new RoomlogError('corrupt_record', `A record could not be decoded (${text}).`, { cause: thrown });
}
