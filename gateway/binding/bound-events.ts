/**
 * Events whose name is bound to a subject of the registry (`registry.boundEvents`): their data stands in the log as Avro, in Confluent's wire
 * format, under `contentType` `application/vnd.confluent.avro`. JSON clients give and get JSON; this is where one becomes the other.
 */
import { Buffer } from 'node:buffer';
import type { Binding } from '../../core/config/bindings.ts';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { SubjectStore } from '../../core/ports/subject-store.ts';
import { AVRO_PAYLOAD, PayloadSchema, parseExactly } from '../../schemas/payload-schema.ts';
import { schemaIdOf } from '../../schemas/wire.ts';
import type { StoredEvent } from '../stream.ts';
import { BoundSubject } from './bound-subject.ts';

/** Schemas kept ready, of all subjects; the one first used longest ago goes first. */
const MAX_SCHEMAS = 4_096;
/** How long a partition's events wait for a schema that is not known yet. */
export const SCHEMA_WAIT_MS = 2_000;
/** For so long nobody waits again for a schema that did not come. */
const GIVE_UP_MS = 30_000;
/** After the registry did not answer, nobody waits for any schema for so long. */
const AWAY_MS = 5_000;
/** Schemas that did not come. */
const MAX_GIVEN_UP = 1_024;

/** What the log holds of an event's data, or is to hold. */
export type Content = Pick<StoredEvent, 'contentType' | 'data'>;

export interface StoredContent extends Content {
  /** Of the schema that JSON was encoded with; null where nothing was changed. */
  readonly schemaId: number | null;
}

export interface BoundEventsOptions {
  readonly bindings: readonly Binding[];
  readonly store: SubjectStore;
  readonly refreshMs: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly logger: LogSink;
  /** An event was not readable for JSON clients. */
  readonly onOpaque?: () => void;
}

export class BoundEvents {
  readonly #options: BoundEventsOptions;
  readonly #subjects = new Map<string, BoundSubject>();
  readonly #byEvent = new Map<string, BoundSubject>();
  /** By id; null for one that can't be used. */
  readonly #schemas = new Map<number, PayloadSchema | null>();
  /** By id: until when. */
  readonly #givenUp = new Map<number, number>();
  #awayUntilMs = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: BoundEventsOptions) {
    const { bindings, store, clock, logger } = options;
    this.#options = options;
    for (const { event, subject: name } of bindings) {
      const schemaOf = (id: number, text: string): PayloadSchema | null => this.#schemaOf(id, text);
      const subject = this.#subjects.get(name) ?? new BoundSubject({ name, store, clock, logger, schemaOf });
      this.#subjects.set(name, subject);
      this.#byEvent.set(event, subject);
    }
  }

  /** Resolves when each subject has been looked at once. Never rejects. */
  async start(): Promise<void> {
    if (this.#subjects.size === 0) return;
    this.#timer = setInterval(() => void this.#lookAtAll(), this.#options.refreshMs);
    await this.#lookAtAll();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /**
   * What is to be published for what a client gave: a JSON value (`contentType` null), or bytes. Throws `schema_rejected` with
   * the path of what does not fit, `unavailable` where the schema is not known.
   */
  stored(event: string, { contentType, data }: Content): StoredContent {
    const subject = this.#byEvent.get(event);
    if (subject === undefined) return { contentType, data, schemaId: null };
    if (contentType === null) {
      const newest = subject.newest();
      return { contentType: AVRO_PAYLOAD, data: newest.encode(exactValue(data)), schemaId: newest.id };
    }
    if (contentType !== AVRO_PAYLOAD) {
      throw rejected('contentType', `Events of this name are JSON or ${AVRO_PAYLOAD}.`);
    }
    check(subject, data);
    return { contentType, data, schemaId: null };
  }

  /**
   * What the same JSON would have been stored as under the other versions of the schema, newest first: an earlier try may have met
   * another one.
   */
  async storedOtherwise(event: string, json: Uint8Array, schemaId: number): Promise<Buffer[]> {
    const subject = this.#byEvent.get(event);
    if (subject === undefined) return [];
    await subject.look();
    const value = exactValue(json);
    return subject.versions
      .filter(({ id }) => id !== schemaId)
      .map((version) => encodedOrNull(version, value))
      .filter((encoded) => encoded !== null);
  }

  /** The JSON value that stands for stored data; null where it is to be delivered as it is. */
  jsonOf({ event, contentType, data }: Pick<StoredEvent, 'event' | 'contentType' | 'data'>): Buffer | null {
    if (contentType !== AVRO_PAYLOAD || !this.#byEvent.has(event)) return null;
    const id = idOf(data);
    const schema = id === null ? null : this.#schemas.get(id);
    try {
      if (schema) return Buffer.from(schema.decode(data));
    } catch (thrown) {
      if (!(thrown instanceof RoomlogError)) throw thrown;
    }
    this.#options.onOpaque?.();
    return null;
  }

  /** The id of the schema that an event waits for; null where it need not, or has waited. */
  missing({ event, contentType, data }: Pick<StoredEvent, 'event' | 'contentType' | 'data'>): number | null {
    if (contentType !== AVRO_PAYLOAD || !this.#byEvent.has(event)) return null;
    const id = idOf(data);
    if (id === null || this.#schemas.has(id) || this.#options.clock.monotonic() < this.#awayUntilMs) return null;
    return this.#hasGivenUp(id) ? null : id;
  }

  /** Looks a schema up, but not for long. Never rejects: `missing` does not ask for it again for a while. */
  async load(id: number): Promise<void> {
    const { store, clock, logger } = this.#options;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, SCHEMA_WAIT_MS, null);
    });
    try {
      const text = await Promise.race([store.load(id), late]);
      if (text === null) throw new RoomlogError('registry_unreachable', 'The registry took too long.');
      this.#schemaOf(id, text);
    } catch (thrown) {
      const { code } = asRoomlogError(thrown, 'registry_unreachable');
      logger.warn({ schemaId: id, code }, 'events are delivered as they are: their schema is not known');
      if (this.#givenUp.size >= MAX_GIVEN_UP) this.#givenUp.clear();
      this.#givenUp.set(id, clock.monotonic() + GIVE_UP_MS);
      if (code !== 'schema_not_found') this.#awayUntilMs = clock.monotonic() + AWAY_MS;
    } finally {
      clearTimeout(timer);
    }
  }

  async #lookAtAll(): Promise<void> {
    await Promise.all([...this.#subjects.values()].map((subject) => subject.look()));
  }

  #hasGivenUp(id: number): boolean {
    const untilMs = this.#givenUp.get(id);
    if (untilMs === undefined) return false;
    if (untilMs > this.#options.clock.monotonic()) return true;
    this.#givenUp.delete(id);
    return false;
  }

  #schemaOf(id: number, text: string): PayloadSchema | null {
    const known = this.#schemas.get(id);
    if (known !== undefined) return known;
    let schema: PayloadSchema | null = null;
    try {
      schema = new PayloadSchema(id, text);
    } catch (thrown) {
      const { message } = asRoomlogError(thrown, 'corrupt_record');
      this.#options.logger.error({ schemaId: id, reason: message }, 'a schema of bound events can not be used');
    }
    for (const oldest of this.#schemas.keys()) {
      if (this.#schemas.size < MAX_SCHEMAS) break;
      this.#schemas.delete(oldest);
    }
    this.#schemas.set(id, schema);
    return schema;
  }
}

/** @param json valid */
const exactValue = (json: Uint8Array): unknown =>
  parseExactly(Buffer.from(json.buffer, json.byteOffset, json.byteLength).toString());

/** Throws `schema_rejected`, `unavailable`. */
function check(subject: BoundSubject, data: Uint8Array): void {
  const id = idOf(data);
  if (id === null) throw rejected('data', 'data is not in Confluent’s wire format.');
  const schema = subject.byId(id);
  try {
    schema.decode(data);
  } catch (thrown) {
    if (!(thrown instanceof RoomlogError)) throw thrown;
    throw rejected('data', `data is not what schema ${id} says: ${thrown.message}`);
  }
}

function idOf(data: Uint8Array): number | null {
  try {
    return schemaIdOf(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  } catch {
    return null;
  }
}

function encodedOrNull(version: PayloadSchema, value: unknown): Buffer | null {
  try {
    return version.encode(value);
  } catch (thrown) {
    if (thrown instanceof RoomlogError) return null;
    throw thrown;
  }
}

const rejected = (path: string, message: string): RoomlogError =>
  new RoomlogError('schema_rejected', message, { details: { path } });
