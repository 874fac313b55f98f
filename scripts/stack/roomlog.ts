/** The gateways and sequencers of one stack: their configuration files, commands and questions. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { RoomlogError } from '../../core/errors.ts';
import type { Service } from './launch.ts';
import { gatewayPorts, sequencerAdminPort } from './ports.ts';
import { ROOT } from './root.ts';
import type { StatePaths } from './state-dir.ts';

/** What every Roomlog process of the stack is told alike; keys as in core/config/schema.ts. */
export interface CommonConfig {
  readonly stream: {
    readonly prefix: string;
    readonly partitions: number;
    readonly replicationFactor: number;
    readonly minInsyncReplicas: number;
  };
  readonly kafka: { readonly brokers: readonly string[] };
  readonly registry: { readonly url: string };
  readonly redis: { readonly url: string };
}

const READY_WITHIN_MS = 120_000;
const STOP_WITHIN_MS = 15_000;
/** A local client needs no long notice. */
const DRAIN_WINDOW_MS = 500;

export function gatewayName(number: number): string {
  return `gateway-${number}`;
}

export function sequencerName(number: number): string {
  return `sequencer-${number}`;
}

/** Writes the configuration file and tells how to start the gateway. */
export function gatewayService(common: CommonConfig, portBase: number, number: number, paths: StatePaths): Service {
  const name = gatewayName(number);
  const ports = gatewayPorts(portBase, number);
  const origins = [`http://127.0.0.1:${ports.public}`, `http://localhost:${ports.public}`];
  const file = writeConfig(paths, name, {
    ...common,
    auth: { secretFile: paths.secretFile, allowedOrigins: origins },
    gateway: { name, port: ports.public, adminPort: ports.admin, drainWindowMs: DRAIN_WINDOW_MS },
    demo: { enabled: true },
  });
  return roomlogService(name, 'gateway', file, [ports.public, ports.admin], `http://127.0.0.1:${ports.public}`);
}

/** Writes the configuration file and tells how to start the sequencer. */
export function sequencerService(common: CommonConfig, portBase: number, number: number, paths: StatePaths): Service {
  const name = sequencerName(number);
  const adminPort = sequencerAdminPort(portBase, number);
  const file = writeConfig(paths, name, { ...common, sequencer: { name, adminPort } });
  return roomlogService(name, 'sequencer', file, [adminPort], `http://127.0.0.1:${adminPort}`);
}

/** Throws while `<url>/ready` does not answer 200. */
export async function askReady(url: string): Promise<void> {
  const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(5_000) });
  const body = await response.text();
  if (response.ok) return;
  throw new RoomlogError('unavailable', `${url}/ready answered ${response.status}: ${body.slice(0, 300)}`);
}

function roomlogService(name: string, command: string, configFile: string, ports: number[], url: string): Service {
  return {
    name,
    command: [
      join(ROOT, 'node_modules', '.bin', 'node'),
      join(ROOT, 'cli', 'main.ts'),
      command,
      '--config',
      configFile,
    ],
    env: {},
    ports,
    readyWithinMs: READY_WITHIN_MS,
    stopWithinMs: STOP_WITHIN_MS,
    ready: () => askReady(url),
  };
}

function writeConfig(paths: StatePaths, name: string, config: object): string {
  const file = join(paths.configDir, `${name}.yaml`);
  writeFileSync(file, `# Written by scripts/up at every start; changes are lost.\n${stringify(config)}`);
  return file;
}
