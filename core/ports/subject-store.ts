/** Schemas by subject, as the registry knows them. */

export interface SubjectVersion {
  /** The schema's id, which stands in front of data that was written with it. */
  readonly id: number;
  readonly version: number;
  /** JSON text. */
  readonly schema: string;
}

export interface SubjectStore {
  /**
   * The newest versions of a subject, newest first; at most `limit`. Throws `schema_not_found` where the registry knows no such
   * subject, or one that Roomlog can't use (no Avro, or with references); `registry_unreachable` or `registry_refused` else.
   */
  versions(subject: string, limit: number): Promise<readonly SubjectVersion[]>;
  /** See SchemaStore.load. */
  load(id: number): Promise<string>;
}
