/** Puts a process's configuration together: file, environment, flags, and the secret's own file. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { parseDocument } from 'yaml';
import { CONFIG_KEYS } from '../core/config/keys.ts';
import { type ConfigSources, loadConfig } from '../core/config/load.ts';
import type { Config } from '../core/config/schema.ts';
import { RoomlogError } from '../core/errors.ts';
import { usageError } from './exit.ts';

/** Adds `--config` and one flag for every key of the schema. */
export function addConfigOptions(command: Command): Command {
  command.option('--config <file>', 'YAML file; the environment overrides it, flags override both');
  for (const { flag, doc, allowed, defaultValue, secret } of CONFIG_KEYS) {
    const shown =
      defaultValue === undefined || defaultValue === '' || secret ? '' : `; ${JSON.stringify(defaultValue)}`;
    command.option(`${flag} <value>`, `${doc} (${allowed}${shown})`);
  }
  // Unknown flags are told with all other faults of the configuration, not alone and first.
  return command.allowUnknownOption().allowExcessArguments();
}

/**
 * Loads what `addConfigOptions` offered; `instead` stands where no file is named. Throws `config_invalid` with every fault.
 */
export function readConfig(
  command: Command,
  env: NodeJS.ProcessEnv = process.env,
  instead?: ConfigSources['file'],
): Config {
  const options = command.opts<Record<string, unknown>>();
  const path = typeof options.config === 'string' ? options.config : env.ROOMLOG_CONFIG;
  const file = path ? { path, content: readYaml(path) } : instead;
  return withSecretFile(loadConfig({ file, env, flags: { ...givenFlags(options), ...unknownFlags(command.args) } }));
}

/** Commander's camelCased options, of which only those of the schema are flags. */
function givenFlags(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (const { flag } of CONFIG_KEYS) {
    const name = flag.slice(2).replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
    if (options[name] !== undefined) flags[flag] = options[name];
  }
  return flags;
}

function unknownFlags(rest: readonly string[]): Record<string, unknown> {
  const flags: Record<string, unknown> = {};
  for (const word of rest) if (word.startsWith('--')) flags[word.split('=')[0] ?? word] = '';
  const [excess] = rest;
  if (excess !== undefined && Object.keys(flags).length === 0)
    throw usageError(`"${excess}" is one argument too many.`);
  return flags;
}

/** A YAML file's content. Throws `config_invalid` with the line of every syntax fault. */
function readYaml(path: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    throw new RoomlogError('config_invalid', `--config: ${path} can not be read.`, { cause: thrown });
  }
  const document = parseDocument(text);
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => `  ${error.message.split('\n')[0]}`);
    throw new RoomlogError('config_invalid', `${path} is not YAML:\n${faults.join('\n')}`);
  }
  return document.toJS({ maxAliasCount: 0 });
}

/** `auth.secretFile` is read here, once, so that no other part reads files; `auth.secret` wins where both are set. */
function withSecretFile(config: Config): Config {
  const { secret, secretFile } = config.auth;
  if (secret !== undefined || secretFile === undefined) return config;
  let text: string;
  try {
    text = readFileSync(secretFile, 'utf8').trim();
  } catch (thrown) {
    throw new RoomlogError('config_invalid', `auth.secretFile: ${secretFile} can not be read.`, { cause: thrown });
  }
  if (Buffer.byteLength(text) < 32) {
    throw new RoomlogError('config_invalid', `auth.secretFile: ${secretFile} must hold at least 32 bytes.`);
  }
  return { ...config, auth: { ...config.auth, secret: text } };
}
