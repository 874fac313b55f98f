/** A server under measurement as a process of its own: started, awaited, ended; a gateway like those of the stack, or a bench's own program. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nodeFlags } from '../../scripts/stack/node-flags.ts';
import { ROOT } from '../../scripts/stack/root.ts';
import { pin } from './pin.ts';

const READY_WITHIN_MS = 60_000;
const READY_POLL_MS = 50;

export interface ServerProcess {
  readonly pid: number;
  readonly url: string;
  /** Its admin port's base URL; null for a program without one. */
  readonly adminUrl: string | null;
  /** SIGTERM, and gone. */
  stop(): Promise<void>;
}

export interface GatewayOptions {
  /** A configuration file of the stack's. */
  readonly config: string;
  readonly name: string;
  /** The admin port is the next one. */
  readonly port: number;
  /** More flags. */
  readonly args?: readonly string[];
  readonly cores?: string | undefined;
  /** Flags of Node, and where a CPU profile goes; null for none. */
  readonly nodeArgs?: readonly string[];
  readonly profileDir?: string | null;
}

const profiling = (dir: string | null | undefined): string[] =>
  dir === null || dir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${dir}`];

/** Resolves when it is ready. */
export async function startGateway(options: GatewayOptions): Promise<ServerProcess> {
  const { config, name, port, args = [], cores, nodeArgs = [], profileDir } = options;
  const ports = ['--gateway-port', `${port}`, '--gateway-admin-port', `${port + 1}`];
  const flags = ['--config', config, '--gateway-name', name, ...ports, '--log-level', 'warn', ...args];
  const argv = [
    ...nodeFlags('gateway'),
    ...nodeArgs,
    ...profiling(profileDir),
    join(ROOT, 'cli/main.ts'),
    'gateway',
    ...flags,
  ];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 2, 2] });
  pin(child.pid as number, cores);
  const adminUrl = `http://127.0.0.1:${port + 1}`;
  const deadline = performance.now() + READY_WITHIN_MS;
  while (!(await isReady(adminUrl))) {
    if (child.exitCode !== null || performance.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${name} did not get ready`);
    }
    await sleep(READY_POLL_MS);
  }
  return handle(child, `ws://127.0.0.1:${port}/v1/ws`, adminUrl);
}

/** For results of servers that are compared. */
export const NODE_SERVERS_NOTE =
  'Servers in Node, Roomlog’s and others, have one helper thread of V8 (--v8-pool-size=1, scripts/stack/node-flags.ts).';

export interface ProgramOptions {
  /** Below `bench/`. It says 'ready' over IPC. */
  readonly file: string;
  readonly job: object;
  readonly url: string;
  readonly cores?: string | undefined;
  readonly nodeArgs?: readonly string[];
  readonly profileDir?: string | null;
}

export async function startProgram(options: ProgramOptions): Promise<ServerProcess> {
  const { file, job, url, cores, nodeArgs = [], profileDir } = options;
  const child = fork(join(ROOT, 'bench', file), [JSON.stringify(job)], {
    execArgv: [...nodeFlags('gateway'), ...nodeArgs, ...profiling(profileDir)],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  pin(child.pid as number, cores);
  const ready = new Promise<void>((resolve, reject) => {
    child.on('message', (said) => said === 'ready' && resolve());
    child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
  });
  await ready;
  return handle(child, url, null);
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/ready`).then(
    ({ ok }) => ok,
    () => false,
  );

function handle(child: ChildProcess, url: string, adminUrl: string | null): ServerProcess {
  return {
    pid: child.pid as number,
    url,
    adminUrl,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    },
  };
}
