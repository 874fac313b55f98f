/** The gateways and sequencers of one stack: their configuration files, commands and questions. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { RoomlogError } from '../../core/errors.ts';
import type { Service } from './launch.ts';
import { nodeFlags } from './node-flags.ts';
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
  readonly kafka: { readonly brokers: readonly string[]; readonly client?: string };
  readonly registry: { readonly url: string };
  readonly redis: { readonly url: string };
}

export interface SharedSetting {
  readonly common: CommonConfig;
  readonly portBase: number;
  /** Configuration that overrides the files'. */
  readonly environment: Readonly<Record<string, string>>;
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
export function gatewayService(shared: SharedSetting, number: number, paths: StatePaths): Service {
  const { common, portBase, environment } = shared;
  const name = gatewayName(number);
  const ports = gatewayPorts(portBase, number);
  const origins = [`http://127.0.0.1:${ports.public}`, `http://localhost:${ports.public}`];
  const file = writeConfig(paths, name, {
    ...common,
    auth: { secretFile: paths.secretFile, allowedOrigins: origins },
    gateway: { name, port: ports.public, adminPort: ports.admin, drainWindowMs: DRAIN_WINDOW_MS },
    demo: { enabled: true },
  });
  return roomlogService('gateway', { name, file, environment, ports: [ports.public, ports.admin] });
}

/** Writes the configuration file and tells how to start the sequencer. */
export function sequencerService(shared: SharedSetting, number: number, paths: StatePaths): Service {
  const { common, portBase, environment } = shared;
  const name = sequencerName(number);
  const adminPort = sequencerAdminPort(portBase, number);
  const file = writeConfig(paths, name, { ...common, sequencer: { name, adminPort } });
  return roomlogService('sequencer', { name, file, environment, ports: [adminPort] });
}

/** Throws while `<url>/ready` does not answer 200. */
export async function askReady(url: string): Promise<void> {
  const response = await fetch(`${url}/ready`, { signal: AbortSignal.timeout(5_000) });
  const body = await response.text();
  if (response.ok) return;
  throw new RoomlogError('unavailable', `${url}/ready answered ${response.status}: ${body.slice(0, 300)}`);
}

interface ProcessSetting {
  readonly name: string;
  readonly file: string;
  readonly environment: Readonly<Record<string, string>>;
  /** The first is asked for `/ready`. */
  readonly ports: readonly [number, ...number[]];
}

function roomlogService(command: string, { name, file, environment, ports }: ProcessSetting): Service {
  const node = join(ROOT, 'node_modules', '.bin', 'node');
  return {
    name,
    command: [node, ...nodeFlags(command), join(ROOT, 'cli', 'main.ts'), command, '--config', file],
    env: environment,
    ports,
    readyWithinMs: READY_WITHIN_MS,
    stopWithinMs: STOP_WITHIN_MS,
    ready: () => askReady(`http://127.0.0.1:${ports[0]}`),
  };
}

function writeConfig(paths: StatePaths, name: string, config: object): string {
  const file = join(paths.configDir, `${name}.yaml`);
  writeFileSync(file, `# Written by scripts/up at every start; changes are lost.\n${stringify(config)}`);
  return file;
}
