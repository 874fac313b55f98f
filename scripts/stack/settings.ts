/** What a stack is made of: decided by the options, the environment and what the state folder already holds. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { OTHER_ENV_NAMES, TEST_ENV_PREFIX } from '../../core/config/load.ts';
import { RoomlogError } from '../../core/errors.ts';
import { newClusterId } from './kafka.ts';
import type { BrokerCount, UpOptions } from './options.ts';
import { readJson, type StatePaths, writeAtomically } from './state-dir.ts';

/** Services of somebody else's to use; null where the stack starts its own. */
export interface ExternalServices {
  readonly kafkaBrokers: readonly string[] | null;
  readonly registryUrl: string | null;
  readonly redisUrl: string | null;
}

export interface StackSettings {
  readonly portBase: number;
  readonly brokers: BrokerCount;
  readonly gateways: number;
  readonly sequencers: number;
  readonly clusterId: string;
  readonly external: ExternalServices;
  /** The configuration that `up` was given by environment variables, for its processes and those brought back later. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The scripts' own variables, and those whose meaning the generated configuration files already hold. */
const NOT_CONFIGURATION: ReadonlySet<string> = new Set([
  ...OTHER_ENV_NAMES,
  'ROOMLOG_UP_SUPERVISOR',
  'ROOMLOG_YES',
  'ROOMLOG_KAFKA_BROKERS',
  'ROOMLOG_REGISTRY_URL',
  'ROOMLOG_REDIS_URL',
]);
/** It may hold passwords of services of somebody else's. */
const SETTINGS_MODE = 0o600;

export function configEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('ROOMLOG_') || name.startsWith(TEST_ENV_PREFIX) || NOT_CONFIGURATION.has(name)) continue;
    if (value !== undefined && value !== '') chosen[name] = value;
  }
  return chosen;
}

export function externalServices(env: NodeJS.ProcessEnv): ExternalServices {
  const brokers = (env.ROOMLOG_KAFKA_BROKERS ?? '')
    .split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '');
  return {
    kafkaBrokers: brokers.length === 0 ? null : brokers,
    // Paths are appended to it.
    registryUrl: env.ROOMLOG_REGISTRY_URL?.replace(/\/+$/, '') || null,
    redisUrl: env.ROOMLOG_REDIS_URL || null,
  };
}

export function readSettings(paths: StatePaths): StackSettings | null {
  return readJson(paths.settingsFile) as StackSettings | null;
}

/** Settles and writes them. Throws `stack_failed` when kept data was made by another number of brokers. */
export function settle(options: UpOptions, env: NodeJS.ProcessEnv, paths: StatePaths): StackSettings {
  const earlier = existsSync(join(paths.dataDir, 'kafka-1')) ? readSettings(paths) : null;
  if (earlier !== null && options.brokers !== null && options.brokers !== earlier.brokers) {
    throw new RoomlogError(
      'stack_failed',
      `The data in ${paths.root} belongs to ${earlier.brokers} broker(s), and --brokers is ${options.brokers}. Use --fresh to start empty, or another --state-dir.`,
    );
  }
  const settings: StackSettings = {
    portBase: options.portBase,
    brokers: earlier?.brokers ?? options.brokers ?? 1,
    gateways: options.infraOnly ? 0 : options.gateways,
    sequencers: options.infraOnly ? 0 : options.sequencers,
    clusterId: earlier?.clusterId ?? newClusterId(),
    external: externalServices(env),
    environment: configEnvironment(env),
  };
  writeAtomically(paths.settingsFile, `${JSON.stringify(settings, null, 2)}\n`, SETTINGS_MODE);
  return settings;
}
