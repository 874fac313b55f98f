/** What a stack is made of: decided by the options, the environment and what the state folder already holds. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
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
export function settle(options: UpOptions, external: ExternalServices, paths: StatePaths): StackSettings {
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
    external,
  };
  writeAtomically(paths.settingsFile, `${JSON.stringify(settings, null, 2)}\n`);
  return settings;
}
