/**
 * One configuration from defaults, a file, the environment and flags; what comes later wins. Everything wrong in any of
 * them is told at once, each with where it stands and what would be right.
 */
import { RoomlogError } from '../errors.ts';
import { CONFIG_KEYS, CONFIG_SECTIONS, type ConfigKey } from './keys.ts';
import { nearest } from './nearest.ts';
import { RULES } from './rules.ts';
import { type Config, configSchema } from './schema.ts';

export interface ConfigSources {
  /** A parsed YAML or JSON file: `content` as the parser gave it (null where the file is empty). */
  readonly file?: { readonly path: string; readonly content: unknown } | undefined;
  /** The environment; only names that begin with `ROOMLOG_` are looked at, and an empty value counts as not set. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** By name: `--kafka-max-wait-ms`, `kafka-max-wait-ms` or `kafkaMaxWaitMs`. undefined counts as not given. */
  readonly flags?: Readonly<Record<string, unknown>>;
}

export interface ConfigFault {
  /** The config key, or the name as it was written where it is unknown. */
  readonly key: string;
  /** `roomlog.yaml: kafka.maxWaitMs`, `ROOMLOG_KAFKA_MAX_WAIT_MS`, `--kafka-max-wait-ms`, or `default`. */
  readonly source: string;
  readonly message: string;
}

/** `ROOMLOG_` names that are no config keys: of the development scripts and of command-line clients. */
export const OTHER_ENV_NAMES: readonly string[] = [
  'ROOMLOG_CACHE_DIR',
  'ROOMLOG_CONFIG',
  'ROOMLOG_NO_SKIP',
  'ROOMLOG_STATE_DIR',
  'ROOMLOG_TOKEN',
  'ROOMLOG_URL',
  'ROOMLOG_YES',
];
/** Names with this beginning are the tests' own. */
export const TEST_ENV_PREFIX = 'ROOMLOG_TEST_';
const ENV_PREFIX = 'ROOMLOG_';
/** What Kubernetes puts into containers for a Service whose name begins with `roomlog`. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT\w*)$|_PORT(_\d+_(TCP|UDP)(_\w+)?)?$/;

/** A value as written in one source. */
interface Given {
  readonly key: ConfigKey;
  readonly source: string;
  readonly value: unknown;
  /** Written as text: to be turned into the key's kind. */
  readonly text: boolean;
}

/** Throws `config_invalid` with every fault in its message and, as `ConfigFault[]`, in `details.faults`. */
export function loadConfig(sources: ConfigSources = {}): Config {
  const faults: ConfigFault[] = [];
  const given = [
    ...fromFile(sources.file, faults),
    ...fromEnv(sources.env, faults),
    ...fromFlags(sources.flags, faults),
  ];
  const faulty = new Set<string>();
  const origin = new Map<string, string>();
  const chosen: Record<string, Record<string, unknown>> = {};
  for (const entry of given) {
    const parsed = parse(entry);
    if ('fault' in parsed) {
      faults.push(parsed.fault);
      faulty.add(entry.key.key);
      continue;
    }
    chosen[entry.key.section] = { ...chosen[entry.key.section], [entry.key.name]: parsed.value };
    origin.set(entry.key.key, entry.source);
  }
  const config = configSchema.parse(chosen);
  for (const { keys, check } of RULES) {
    if (keys.some((key) => faulty.has(key))) continue;
    const message = check(config);
    if (message === null) continue;
    const key = keys[0] ?? '';
    faults.push({ key, source: origin.get(key) ?? 'default', message });
  }
  if (faults.length > 0) throw new RoomlogError('config_invalid', report(faults), { details: { faults } });
  return config;
}

function report(faults: readonly ConfigFault[]): string {
  const lines = faults.map(({ key, source, message }) => `  ${key} ${message}\n    given by ${source}`);
  const count = faults.length === 1 ? 'One fault' : `${faults.length} faults`;
  return `${count} in the configuration:\n${lines.join('\n')}`;
}

function* fromFile(file: ConfigSources['file'], faults: ConfigFault[]): Iterable<Given> {
  if (file === undefined || file.content === null || file.content === undefined) return;
  if (!isMap(file.content)) {
    faults.push({ key: 'The file', source: file.path, message: `must hold sections: ${CONFIG_SECTIONS.join(', ')}` });
    return;
  }
  const known = CONFIG_KEYS.map(({ key }) => key);
  for (const [section, group] of Object.entries(file.content)) {
    const source = `${file.path}: ${section}`;
    if (!CONFIG_SECTIONS.includes(section)) {
      faults.push(unknownName(section, source, CONFIG_SECTIONS));
      continue;
    }
    if (group === null) continue;
    if (!isMap(group)) {
      faults.push({ key: section, source, message: 'is a section: it must hold keys, not a value' });
      continue;
    }
    for (const [name, value] of Object.entries(group)) {
      const key = CONFIG_KEYS.find((candidate) => candidate.key === `${section}.${name}`);
      if (key === undefined) faults.push(unknownName(`${section}.${name}`, `${source}.${name}`, known));
      else if (value !== null) yield { key, source: `${source}.${name}`, value, text: false };
    }
  }
}

function* fromEnv(env: ConfigSources['env'], faults: ConfigFault[]): Iterable<Given> {
  for (const [name, value] of Object.entries(env ?? {})) {
    if (!name.startsWith(ENV_PREFIX) || value === undefined || value === '') continue;
    if (OTHER_ENV_NAMES.includes(name) || name.startsWith(TEST_ENV_PREFIX)) continue;
    const key = CONFIG_KEYS.find((candidate) => candidate.env === name);
    if (SERVICE_LINK.test(name) && (key === undefined || /^\w+:\/\//.test(value))) {
      const message = 'looks like a link that Kubernetes made for a Service; set enableServiceLinks: false on the pod';
      faults.push({ key: key?.key ?? name, source: name, message });
    } else if (key === undefined) {
      const known = [...CONFIG_KEYS.map((candidate) => candidate.env), ...OTHER_ENV_NAMES];
      faults.push(unknownName(name, 'the environment', known));
    } else yield { key, source: name, value, text: true };
  }
}

function* fromFlags(flags: ConfigSources['flags'], faults: ConfigFault[]): Iterable<Given> {
  for (const [written, value] of Object.entries(flags ?? {})) {
    if (value === undefined) continue;
    const words = written.replace(/^--/, '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    const flag = `--${words}`;
    const key = CONFIG_KEYS.find((candidate) => candidate.flag === flag);
    if (key === undefined) {
      const known = CONFIG_KEYS.map((candidate) => candidate.flag);
      faults.push(unknownName(flag, 'the command line', known));
    } else yield { key, source: flag, value, text: typeof value === 'string' };
  }
}

const isMap = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function unknownName(name: string, source: string, known: readonly string[]): ConfigFault {
  const meant = nearest(name, known);
  return { key: name, source, message: `is not a known name${meant === undefined ? '' : `; did you mean ${meant}?`}` };
}

function parse({ key, source, value, text }: Given): { value: unknown } | { fault: ConfigFault } {
  const result = key.schema.safeParse(text ? fromText(key, value as string) : value);
  if (result.success) return { value: result.data };
  const shown = key.secret ? '' : `, not ${show(value)}`;
  const hint = !text && key.kind !== 'text' && typeof value === 'string' ? ' (without quotes)' : '';
  return { fault: { key: key.key, source, message: `must be ${key.allowed}${shown}${hint}` } };
}

/** What the text says, in the key's kind; the text itself where it does not say that, for the schema to refuse. */
function fromText({ kind }: ConfigKey, text: string): unknown {
  switch (kind) {
    case 'number':
      return /^-?\d{1,16}$/.test(text.trim()) ? Number(text) : text;
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text;
    case 'list':
      return text
        .split(',')
        .map((entry) => entry.trim())
        .filter((entry) => entry !== '');
    case 'text':
      return text;
  }
}

const MAX_SHOWN = 60;
function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
