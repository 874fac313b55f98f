/** Schemas by id, as the registry knows them. */
export interface SchemaStore {
  /** The schema's JSON text if this process already knows it. Never does IO. */
  known(id: number): string | undefined;
  /**
   * Looks an id up. Throws `schema_not_found` (the registry answered 404) or `registry_unreachable` (anything else, worth waiting
   * for): the difference between poison and patience.
   */
  load(id: number): Promise<string>;
}
