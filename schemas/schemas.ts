/**
 * The Avro schemas of the topics, read once when the process starts. The files are the truth; `schemas/codec.ts` is the only
 * one that encodes by them, `adapters/registry` the only one that registers them.
 */
import { readFileSync } from 'node:fs';

const read = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');

/** JSON text of each record's schema, by the topic that it stands in. */
export const SCHEMAS = {
  inbound: read('./inbound-event.avsc'),
  outbound: read('./outbound-event.avsc'),
  deadletter: read('./dead-letter.avsc'),
  snapshots: read('./snapshot.avsc'),
} as const;

export type SchemaName = keyof typeof SCHEMAS;

/** The ids that a registry gave to our schemas. */
export interface SchemaIds {
  readonly inboundId: number;
  readonly outboundId: number;
  readonly deadLetterId: number;
  readonly snapshotId: number;
}
