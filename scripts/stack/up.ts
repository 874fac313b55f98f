/** `scripts/up`: starts a stack and stays with it, or leaves it to a supervisor in the background. */
import { fork } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { RoomlogError } from '../../core/errors.ts';
import { parseUp, UP_USAGE, type UpOptions } from './options.ts';
import { isAlive } from './process-identity.ts';
import { readTable } from './process-table.ts';
import type { StackFile } from './stack-file.ts';
import { restartService, startStack, stopStack } from './start.ts';
import { prepareStateDir, type StatePaths, statePaths } from './state-dir.ts';

const SUPERVISE_MS = 500;
/** Set for the supervisor that `--detach` leaves in the background; it talks to its parent until all is ready. */
const SUPERVISOR = 'ROOMLOG_UP_SUPERVISOR';

type Message = { readonly line: string } | { readonly ready: true } | { readonly failed: string };

async function main(): Promise<number> {
  const options = parseUp(process.argv.slice(2));
  if (options.help) {
    console.log(UP_USAGE);
    return 0;
  }
  const paths = statePaths(options.stateDir);
  if (options.restart !== null) {
    const aborted = AbortSignal.timeout(300_000);
    const record = await restartService(paths, options.restart, { say: console.log, aborted });
    console.log(`${record.name} is back (process ${record.pid}, log ${record.logFile})`);
    return 0;
  }
  if (options.detach && process.env[SUPERVISOR] === undefined) return await detach(paths);
  return await supervise(options, paths);
}

/** Runs the stack until it is told to stop. Dead processes are told, not restarted. */
async function supervise(options: UpOptions, paths: StatePaths): Promise<number> {
  const stopping = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => stopping.abort(new RoomlogError('stack_failed', 'Stopped before all was ready.')));
  }
  const tell = (message: Message): void => {
    if (process.connected) process.send?.(message);
  };
  const say = (line: string): void => {
    console.log(line);
    tell({ line });
  };
  const began = performance.now();
  try {
    const stack = await startStack(options, { say, aborted: stopping.signal });
    say(summary(stack, paths, (performance.now() - began) / 1000, options.detach));
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) });
    throw error;
  }
  tell({ ready: true });
  if (process.connected) process.disconnect();

  const told = new Set<number>();
  while (!stopping.signal.aborted) {
    for (const record of readTable(paths)) {
      if (told.has(record.pid) || isAlive(record)) continue;
      told.add(record.pid);
      say(
        `${record.name} (process ${record.pid}) died; its log is ${record.logFile}. Bring it back: scripts/up --restart ${record.name}${stateFlag(paths)}`,
      );
    }
    await delay(SUPERVISE_MS, undefined, { signal: stopping.signal }).catch(() => {});
  }
  say('Stopping; the data stays.');
  await stopStack(paths, say);
  return 0;
}

/** Starts the supervisor in a session of its own, shows what it says, and returns when all is ready. */
async function detach(paths: StatePaths): Promise<number> {
  prepareStateDir(paths);
  const log = openSync(join(paths.logsDir, 'up.log'), 'a');
  const child = fork(fileURLToPath(import.meta.url), process.argv.slice(2), {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, [SUPERVISOR]: '1' },
  });
  closeSync(log);
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill('SIGTERM'));
  return await new Promise<number>((resolve) => {
    child.on('message', (message: Message) => {
      if ('line' in message) console.log(message.line);
      else if ('failed' in message) console.error(message.failed);
      else resolve(0);
    });
    child.on('exit', (code) => resolve(code === 0 ? 1 : (code ?? 1)));
  }).finally(() => child.unref());
}

function stateFlag(paths: StatePaths): string {
  const shown = relative(process.cwd(), paths.root);
  return shown === '.roomlog' ? '' : ` --state-dir ${shown.startsWith('..') ? paths.root : shown}`;
}

function summary(stack: StackFile, paths: StatePaths, seconds: number, detached: boolean): string {
  const flag = stateFlag(paths);
  const row = (name: string, url: string, pid: number | null): string =>
    `  ${name.padEnd(12)} ${url.padEnd(44)} ${pid === null ? 'not ours' : `process ${pid}`}`;
  const lines = [
    '',
    `Ready after ${seconds.toFixed(1)} s. Logs, data and stack.json: ${paths.root}`,
    ...stack.kafka.brokers.map((broker, index) => row(`kafka-${index + 1}`, broker, stack.kafka.pids[index] ?? null)),
    row('registry', stack.registry.url, stack.registry.pid),
    row('redis', stack.redis.url.replace(/\/\/[^@/]*@/, '//…@'), stack.redis.pid),
    ...stack.sequencers.map(({ name, admin, pid }) => row(name, admin, pid)),
    ...stack.gateways.map(({ name, ws, pid }) => row(name, ws, pid)),
  ];
  const gateway = stack.gateways[0];
  if (gateway !== undefined) {
    const tries = [
      [`./roomlog tail airport/ORD${flag}`, 'the events of one room, as they come'],
      [`scripts/feed${flag}`, 'real flights, each published to the room of its airport'],
      [`${gateway.http}/demo`, 'the same in a browser'],
    ] as const;
    const width = Math.max(...tries.map(([what]) => what.length));
    lines.push('', 'Try:', ...tries.map(([what, why]) => `  ${what.padEnd(width)}   ${why}`));
  }
  lines.push('', detached ? `Stop it with scripts/down${flag}` : 'Ctrl-C stops all of it; the data stays.');
  return lines.join('\n');
}

try {
  process.exitCode = await main();
} catch (error) {
  const told = error instanceof RoomlogError;
  console.error(told ? error.message : error);
  process.exitCode = told && error.code === 'config_invalid' ? 2 : 1;
}
