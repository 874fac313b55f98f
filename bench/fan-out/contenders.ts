/** The servers that are compared, each started in a process of its own on the server's core. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeFlags } from '../../scripts/stack/node-flags.ts';
import { ROOT } from '../../scripts/stack/root.ts';
import type { StackFile } from '../../scripts/stack/stack-file.ts';
import { heard } from '../support/child-messages.ts';
import { type Cores, pin } from '../support/pin.ts';
import type { NativePrograms } from './build-native.ts';
import type { Dialect, ServerJob } from './messages.ts';

const READY_WITHIN_MS = 60_000;
const MAX_CONNECTIONS = 20_000;
const READY_POLL_MS = 50;
/** What Roomlog's window is in a room of 1,000 members, see gateway/fanout/window.ts. */
const FIXED_WINDOW_MS = 20;

export const CONTENDERS = [
  'roomlog',
  'roomlog-unbatched',
  'socket.io',
  'ws-send',
  'ws-shared',
  'node-floor',
  'native',
  'nats',
] as const;
export type Contender = (typeof CONTENDERS)[number];

export interface Setting {
  readonly stack: StackFile;
  readonly secretFile: string;
  readonly token: string;
  readonly cores: Cores | null;
  readonly port: number;
  /** Of all who have windows; null: Roomlog's default, and for a fixed one what that comes to in the hot room. */
  readonly windowMs: number | null;
  readonly compression: boolean;
  /** null where no contender needs them. */
  readonly native: NativePrograms | null;
  /** Where profiles of the servers go; null for none. */
  readonly profileDir: string | null;
  /** Port of a gateway's inspector (`memoryOf`); null for none. */
  readonly inspectPort: number | null;
}

export interface Server {
  readonly child: ChildProcess;
  readonly dialect: Dialect;
  readonly url: string;
}

export function startServer(contender: Contender, setting: Setting): Promise<Server> {
  if (contender === 'roomlog' || contender === 'roomlog-unbatched') return startGateway(contender, setting);
  if (contender === 'native' || contender === 'nats') return startNative(contender, setting);
  return startNode(contender, setting);
}

async function startGateway(contender: 'roomlog' | 'roomlog-unbatched', setting: Setting): Promise<Server> {
  const { stack, port, windowMs, compression, secretFile } = setting;
  const maxMs = contender === 'roomlog' ? windowMs : 0;
  const env = {
    ...process.env,
    ROOMLOG_STREAM_PREFIX: stack.topics.outbound.slice(0, stack.topics.outbound.lastIndexOf('.')),
    ROOMLOG_STREAM_PARTITIONS: `${stack.partitions}`,
    ROOMLOG_KAFKA_BROKERS: stack.kafka.brokers.join(','),
    ROOMLOG_REGISTRY_URL: stack.registry.url,
    ROOMLOG_REDIS_URL: stack.redis.url,
    ROOMLOG_AUTH_SECRET_FILE: secretFile,
    ROOMLOG_GATEWAY_NAME: contender,
    ROOMLOG_GATEWAY_PORT: `${port}`,
    ROOMLOG_GATEWAY_ADMIN_PORT: `${port + 1}`,
    ...(maxMs === null ? {} : { ROOMLOG_GATEWAY_FLUSH_WINDOW_MAX_MS: `${maxMs}` }),
    ROOMLOG_GATEWAY_COMPRESSION: `${compression}`,
    // All members are one user's, from one address.
    ROOMLOG_GATEWAY_MAX_CONNECTIONS_PER_USER: `${MAX_CONNECTIONS}`,
    ROOMLOG_GATEWAY_MAX_CONNECTIONS_PER_ADDRESS: `${MAX_CONNECTIONS}`,
    ROOMLOG_GATEWAY_DRAIN_WINDOW_MS: '100',
    ROOMLOG_LOG_LEVEL: 'warn',
  };
  const child = spawn(
    process.execPath,
    [...nodeFlags('gateway'), ...inspecting(setting), ...profiling(setting), join(ROOT, 'cli/main.ts'), 'gateway'],
    {
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  pin(child.pid as number, setting.cores?.server);
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null);
    if (answer?.ok === true) break;
    if (performance.now() > deadline || child.exitCode !== null) throw new Error(`${contender} did not get ready`);
    await sleep(READY_POLL_MS);
  }
  return { child, dialect: 'roomlog', url: `ws://127.0.0.1:${port}/v1/ws` };
}

async function startNode(kind: ServerJob['kind'], setting: Setting): Promise<Server> {
  const { stack, port, windowMs, cores } = setting;
  const job: ServerJob = {
    kind,
    port,
    brokers: stack.kafka.brokers,
    registry: stack.registry.url,
    topic: stack.topics.outbound,
    windowMs: windowMs ?? FIXED_WINDOW_MS,
  };
  const child = fork(join(ROOT, 'bench/fan-out/peer.ts'), [JSON.stringify(job)], {
    execArgv: [...nodeFlags('gateway'), ...profiling(setting)],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  pin(child.pid as number, cores?.server);
  await heard(child, (message) => (message === 'ready' ? true : undefined));
  const path = kind === 'socket.io' ? '/socket.io/?EIO=4&transport=websocket' : '/';
  return { child, dialect: kind === 'socket.io' ? 'socket.io' : 'ws', url: `ws://127.0.0.1:${port}${path}` };
}

async function startNative(kind: 'native' | 'nats', setting: Setting): Promise<Server> {
  const { stack, port, windowMs, cores, native } = setting;
  if (native === null) throw new Error('the native contenders were not built');
  const about = [`127.0.0.1:${port}`, stack.topics.outbound];
  const more = kind === 'native' ? [`${windowMs ?? FIXED_WINDOW_MS}ms`] : [];
  const command = [kind === 'native' ? native.floor : native.nats, ...about, ...more, stack.kafka.brokers.join(',')];
  // Go looks at its cores once, as it starts.
  const [program = '', ...args] = cores === null ? command : ['taskset', '-c', cores.server, ...command];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (text.includes('ready')) resolve();
    });
    child.once('exit', (code) => reject(new Error(`${kind} ended with ${code}`)));
    child.once('error', reject);
  });
  return { child, dialect: kind === 'native' ? 'ws' : 'nats', url: `ws://127.0.0.1:${port}/` };
}

function inspecting({ inspectPort }: Setting): string[] {
  return inspectPort === null ? [] : [`--inspect=127.0.0.1:${inspectPort}`];
}

function profiling({ profileDir }: Setting): string[] {
  return profileDir === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`];
}
