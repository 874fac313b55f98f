/**
 * The config schema as a flat list of keys, with their names in each source. Everything that has to walk the schema
 * (loading, redaction, documentation, command line) walks this list.
 */
import { z } from 'zod';
import { configSchema } from './schema.ts';

export type ConfigKind = 'text' | 'number' | 'boolean' | 'list';

export interface ConfigKey {
  /** `kafka.maxWaitMs`, as in a file. */
  readonly key: string;
  readonly section: string;
  readonly name: string;
  /** `ROOMLOG_KAFKA_MAX_WAIT_MS` */
  readonly env: string;
  /** `--kafka-max-wait-ms` */
  readonly flag: string;
  readonly kind: ConfigKind;
  /** What a value may be, in words: `a whole number from 1 to 4096`. */
  readonly allowed: string;
  /** undefined where the key may be absent. */
  readonly defaultValue: unknown;
  /** Never printed. */
  readonly secret: boolean;
  readonly doc: string;
  readonly schema: z.ZodType;
}

interface JsonSchema {
  type?: string;
  enum?: readonly unknown[];
  format?: string;
  pattern?: string;
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  minLength?: number;
  minItems?: number;
  secret?: boolean;
  description?: string;
  default?: unknown;
}

/** Every key, in the schema's order. */
export const CONFIG_KEYS: readonly ConfigKey[] = Object.entries(configSchema.shape).flatMap(([section, group]) =>
  Object.entries(group.unwrap().shape as Record<string, z.ZodType>).map(([name, schema]) =>
    toKey(section, name, schema),
  ),
);

/** The names of the sections, in the schema's order. */
export const CONFIG_SECTIONS: readonly string[] = Object.keys(configSchema.shape);

function toKey(section: string, name: string, schema: z.ZodType): ConfigKey {
  const json = z.toJSONSchema(schema, { io: 'input' }) as JsonSchema;
  const words = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return {
    key: `${section}.${name}`,
    section,
    name,
    env: `ROOMLOG_${section}_${words.replaceAll('-', '_')}`.toUpperCase(),
    flag: `--${section}-${words}`,
    kind: kindOf(json),
    allowed: allowedOf(json),
    defaultValue: json.default,
    secret: json.secret === true,
    doc: json.description ?? '',
    schema,
  };
}

function kindOf({ type }: JsonSchema): ConfigKind {
  if (type === 'array') return 'list';
  if (type === 'boolean') return 'boolean';
  return type === 'integer' || type === 'number' ? 'number' : 'text';
}

function allowedOf(json: JsonSchema): string {
  if (json.enum !== undefined) return `one of ${json.enum.join(', ')}`;
  switch (kindOf(json)) {
    case 'list':
      return (json.minItems ?? 0) > 0 ? 'a list with at least one entry' : 'a list';
    case 'boolean':
      return 'true or false';
    case 'number':
      return rangeOf(json);
    case 'text':
      if (json.format === 'uri') return 'a URL';
      if (json.pattern !== undefined) return `text that matches ${json.pattern}`;
      if ((json.minLength ?? 0) > 1) return `text of at least ${json.minLength} characters`;
      return json.minLength === 1 ? 'text, not empty' : 'text';
  }
}

function rangeOf({ minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const least = minimum ?? (exclusiveMinimum === undefined ? undefined : exclusiveMinimum + 1);
  const most = maximum === Number.MAX_SAFE_INTEGER ? undefined : maximum;
  if (most !== undefined) return `a whole number from ${least ?? 'any'} to ${most}`;
  return least === undefined ? 'a whole number' : `a whole number of at least ${least}`;
}
