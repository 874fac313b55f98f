/** Data that stands in the log as Avro, as JSON for people and their tools: what JSON clients get of it from a gateway. */
import { Buffer } from 'node:buffer';
import type { SequencedEvent } from '../core/log/record.ts';
import type { SchemaStore } from '../core/ports/schema-store.ts';
import { AVRO_PAYLOAD, PayloadSchema } from '../schemas/payload-schema.ts';
import { schemaIdOf } from '../schemas/wire.ts';

type Content = Pick<SequencedEvent, 'contentType' | 'data'>;

export class ReadableData {
  readonly #store: Pick<SchemaStore, 'load'>;
  /** By id; null for one that could not be had. As many as the log has. */
  readonly #schemas = new Map<number, Promise<PayloadSchema | null>>();

  constructor(store: Pick<SchemaStore, 'load'>) {
    this.#store = store;
  }

  /** As `of`, in the same order. */
  async all<T extends Content>(events: readonly T[]): Promise<readonly T[]> {
    if (!events.some(({ contentType }) => contentType === AVRO_PAYLOAD)) return events;
    return await Promise.all(events.map((event) => this.of(event)));
  }

  /** JSON where the data can be read, else the data as it is. */
  async of<T extends Content>(event: T): Promise<T> {
    if (event.contentType !== AVRO_PAYLOAD) return event;
    const bytes = Buffer.from(event.data.buffer, event.data.byteOffset, event.data.byteLength);
    try {
      const schema = await this.#schema(schemaIdOf(bytes));
      return schema === null ? event : { ...event, contentType: null, data: Buffer.from(schema.decode(bytes)) };
    } catch {
      return event;
    }
  }

  #schema(id: number): Promise<PayloadSchema | null> {
    const known = this.#schemas.get(id);
    if (known !== undefined) return known;
    const schema = this.#store.load(id).then(
      (text) => new PayloadSchema(id, text),
      () => null,
    );
    this.#schemas.set(id, schema);
    return schema;
  }
}
