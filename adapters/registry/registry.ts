/** Our schemas' ids, and others' schemas by id, from a registry with the Confluent API. */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { SchemaStore } from '../../core/ports/schema-store.ts';
import type { SubjectStore, SubjectVersion } from '../../core/ports/subject-store.ts';
import { SCHEMAS, type SchemaIds, type SchemaName } from '../../schemas/schemas.ts';
import {
  COMPATIBILITY,
  createRestClient,
  isConflict,
  isNotFound,
  type RestClient,
  registryError,
} from './rest-client.ts';

/** Schemas remembered; the one looked up longest ago goes first. */
const MAX_KNOWN = 1_024;

/** The topics whose records have a schema. */
export type SchemaTopics = Readonly<Record<SchemaName, string>>;

export class Registry implements SchemaStore, SubjectStore {
  readonly #url: string;
  readonly #client: RestClient;
  readonly #known = new Map<number, string>();
  /** Look-ups under way, so that a burst of records of one schema asks once. */
  readonly #loading = new Map<number, Promise<string>>();

  constructor(config: Config['registry'], client: RestClient = createRestClient(config)) {
    this.#url = config.url;
    this.#client = client;
  }

  /**
   * Registers the schemas as `<topic>-value`, FULL_TRANSITIVE. Identical ones keep their id, whoever registered them.
   * Throws `schema_incompatible`, `registry_refused` or `registry_unreachable`.
   */
  async registerAll(topics: SchemaTopics): Promise<SchemaIds> {
    return {
      inboundId: await this.#register(`${topics.inbound}-value`, SCHEMAS.inbound),
      outboundId: await this.#register(`${topics.outbound}-value`, SCHEMAS.outbound),
      deadLetterId: await this.#register(`${topics.deadletter}-value`, SCHEMAS.deadletter),
      snapshotId: await this.#register(`${topics.snapshots}-value`, SCHEMAS.snapshots),
    };
  }

  known(id: number): string | undefined {
    return this.#known.get(id);
  }

  async load(id: number): Promise<string> {
    const known = this.#known.get(id);
    if (known !== undefined) return known;
    let loading = this.#loading.get(id);
    if (loading === undefined) {
      loading = this.#lookUp(id).finally(() => this.#loading.delete(id));
      this.#loading.set(id, loading);
    }
    return await loading;
  }

  async versions(subject: string, limit: number): Promise<readonly SubjectVersion[]> {
    const all = await this.#client.getAllVersions(subject).catch((thrown: unknown) => {
      if (isNotFound(thrown)) throw new RoomlogError('schema_not_found', `The registry has no subject ${subject}.`);
      throw registryError(thrown, `Asking for the versions of ${subject}`, this.#url);
    });
    const newest = all.sort((a, b) => b - a).slice(0, limit);
    const found = await Promise.all(newest.map((version) => this.#version(subject, version)));
    if (found[0] instanceof RoomlogError) throw found[0];
    return found.filter((version): version is SubjectVersion => !(version instanceof RoomlogError));
  }

  /** Asked of the registry once: a version never changes. The error, where it can't be bound: old ones need not be. */
  async #version(subject: string, version: number): Promise<SubjectVersion | RoomlogError> {
    const found = await this.#ask(`Asking for version ${version} of ${subject}`, () =>
      this.#client.getSchemaMetadata(subject, version, false),
    );
    const { id, schema, schemaType = 'AVRO', references = [] } = found;
    if (id === undefined || schemaType !== 'AVRO' || references.length > 0) {
      const what = references.length > 0 ? 'refers to other schemas' : `is ${schemaType}, not Avro`;
      return new RoomlogError('schema_not_found', `Version ${version} of ${subject} ${what}, which can not be bound.`);
    }
    this.#remember(id, schema);
    return { id, version, schema };
  }

  /** Resolves when the registry answers. Throws `registry_unreachable` or `registry_refused`. */
  async ping(): Promise<void> {
    await this.#ask('Asking for the compatibility level', () => this.#client.getDefaultCompatibility());
  }

  async #lookUp(id: number): Promise<string> {
    // The empty subject: a schema counts whichever subject a foreign producer registered it under.
    const { schema } = await this.#ask(`Looking schema ${id} up`, () => this.#client.getBySubjectAndId('', id));
    this.#remember(id, schema);
    return schema;
  }

  async #register(subject: string, text: string): Promise<number> {
    // Without white space, so that two checkouts with other line endings register the same text.
    const schema = JSON.stringify(JSON.parse(text));
    await this.#demandCompatibility(subject);
    let id: number;
    try {
      id = await this.#client.register(subject, { schema, schemaType: 'AVRO' }, true);
    } catch (thrown) {
      if (!isConflict(thrown)) throw registryError(thrown, `Registering ${subject}`, this.#url);
      id = await this.#idAfterConflict(subject, schema, thrown);
    }
    this.#remember(id, schema);
    return id;
  }

  /** Two processes that start together may collide: the schema is there then. Otherwise the conflict was a real one. */
  async #idAfterConflict(subject: string, schema: string, conflict: unknown): Promise<number> {
    try {
      return await this.#client.getId(subject, { schema, schemaType: 'AVRO' }, true);
    } catch (thrown) {
      if (!isNotFound(thrown)) throw registryError(thrown, `Looking ${subject} up`, this.#url);
      const said = conflict instanceof Error ? conflict.message : String(conflict);
      throw new RoomlogError(
        'schema_incompatible',
        `The registry refused the schema of ${subject} as incompatible with earlier versions (${said}). ` +
          'Run the version of Roomlog that registered it, or use another stream.prefix.',
        { cause: conflict },
      );
    }
  }

  async #demandCompatibility(subject: string): Promise<void> {
    const current = await this.#client.getCompatibility(subject).catch((thrown: unknown) => {
      if (isNotFound(thrown)) return null;
      throw registryError(thrown, `Asking for the compatibility level of ${subject}`, this.#url);
    });
    if (current === COMPATIBILITY) return;
    await this.#ask(`Setting the compatibility level of ${subject}`, () =>
      this.#client.updateCompatibility(subject, COMPATIBILITY),
    );
  }

  async #ask<T>(request: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (thrown) {
      throw registryError(thrown, request, this.#url);
    }
  }

  #remember(id: number, schema: string): void {
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
    this.#known.set(id, schema);
  }
}
