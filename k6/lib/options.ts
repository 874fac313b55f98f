/** Reads a script's options from the environment: everything that is wrong is told at once. */
import { VARIABLES, type VariableName } from './variables.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

const PREFIX = 'LOAD_';
const DEFAULT_URL = 'ws://127.0.0.1:7400/v1/ws';
/** Of an HS256 secret, as gateways demand it. */
const MIN_SECRET_CHARACTERS = 32;
/** Bytes of a room's name, less what is appended to the prefix. */
const MAX_PREFIX_CHARACTERS = 100;

/** Where the installation is, and how to be let in. */
export interface Target {
  /** WebSocket endpoints; clients are dealt out to them in turn. */
  readonly urls: readonly string[];
  /** Of one user for all clients; empty: each client is a user of its own, with a token signed by `secret`. */
  readonly token: string;
  readonly secret: string;
  readonly issuer: string;
  readonly audience: string;
  /** First part of the rooms' names; a run's own rooms are `<prefix>/<run>/<number>`. */
  readonly prefix: string;
}

export interface Options<Name extends VariableName> {
  readonly target: Target;
  /** Durations in ms. */
  readonly load: Readonly<Record<Name, number>>;
}

/**
 * @param script its name, for messages and as the end of the default prefix
 * @param defaults of the variables that the script takes, as they would be written
 * @param rules what one value demands of another: a message for each that is broken
 * Throws an Error that lists every fault.
 */
export function readOptions<Name extends VariableName>(
  env: Environment,
  script: string,
  defaults: Readonly<Record<Name, string>>,
  rules: (load: Readonly<Record<Name, number>>) => readonly (string | false)[] = () => [],
): Options<Name> {
  const faults: string[] = [];
  const names = Object.keys(defaults) as Name[];
  const load = {} as Record<Name, number>;
  for (const name of names) {
    const text = env[name] || defaults[name];
    const value = VARIABLES[name].parse(text.trim());
    if (value === null) faults.push(`${name} is ${JSON.stringify(text)}; allowed: ${VARIABLES[name].allowed}`);
    load[name] = value ?? 0;
  }
  const known: readonly string[] = [...names, 'LOAD_PREFIX'];
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || value === '' || known.includes(name)) continue;
    faults.push(`${name} is no option of ${script}; it takes ${known.join(', ')}`);
  }
  const target = readTarget(env, script, faults);
  if (faults.length === 0) faults.push(...rules(load).filter((fault) => fault !== false));
  if (faults.length > 0) {
    throw new Error(
      `${faults.length === 1 ? 'One option is' : `${faults.length} options are`} wrong:\n  ${faults.join('\n  ')}`,
    );
  }
  return { target, load };
}

function readTarget(env: Environment, script: string, faults: string[]): Target {
  const urls = (env.ROOMLOG_URL || DEFAULT_URL).split(',').map((url) => url.trim());
  for (const url of urls) {
    if (!/^wss?:\/\/[^\s/]+\/\S*$/.test(url)) {
      faults.push(`ROOMLOG_URL has ${JSON.stringify(url)}; allowed: ws:// or wss:// URLs with their path, by comma`);
    }
  }
  const token = (env.ROOMLOG_TOKEN ?? '').trim();
  const secret = (env.ROOMLOG_AUTH_SECRET ?? '').trim();
  if (token === '' && secret === '') {
    faults.push(
      'Neither ROOMLOG_AUTH_SECRET (each client gets a token of its own) nor ROOMLOG_TOKEN (one user for all) is set',
    );
  } else if (token !== '' && secret !== '') {
    faults.push('Both ROOMLOG_AUTH_SECRET and ROOMLOG_TOKEN are set; leave one');
  } else if (token === '' && secret.length < MIN_SECRET_CHARACTERS) {
    faults.push(`ROOMLOG_AUTH_SECRET is shorter than the ${MIN_SECRET_CHARACTERS} characters that gateways ask for`);
  }
  const prefix = env.LOAD_PREFIX || `k6/${script}`;
  if (prefix.length > MAX_PREFIX_CHARACTERS || !/^[\x21-\x3f\x41-\x7e][\x21-\x7e]*$/.test(prefix)) {
    faults.push(
      `LOAD_PREFIX is ${JSON.stringify(prefix)}; allowed: 1 to ${MAX_PREFIX_CHARACTERS} printable ASCII characters, the first not @`,
    );
  }
  const { ROOMLOG_AUTH_ISSUER: issuer = '', ROOMLOG_AUTH_AUDIENCE: audience = '' } = env;
  return { urls, token, secret, issuer, audience, prefix };
}
