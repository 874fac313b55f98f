/** One service of the stack: how it is started, asked whether it is ready, and stopped. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { RoomlogError } from '../../core/errors.ts';
import { identify, isAlive, stopProcess } from './process-identity.ts';
import { enterProcess, type ProcessRecord, removeProcess } from './process-table.ts';
import { ROOT } from './root.ts';
import type { StatePaths } from './state-dir.ts';

export interface Service {
  readonly name: string;
  /** Program and arguments; the started process is the service itself, no wrapper. */
  readonly command: readonly string[];
  /** Added to the environment, of which nothing that begins with `ROOMLOG_` is passed on otherwise. */
  readonly env: Readonly<Record<string, string>>;
  readonly ports: readonly number[];
  readonly readyWithinMs: number;
  readonly stopWithinMs: number;
  /** Asks the service; throws while it is not ready. */
  ready(): Promise<void>;
}

const POLL_MS = 100;
const LOG_LINES_SHOWN = 15;
/** Starts the process in a session of its own, so that a terminal's Ctrl-C reaches only `up`, and notes it in the table. */
export function startService(service: Service, paths: StatePaths): ProcessRecord {
  const logFile = join(paths.logsDir, `${service.name}.log`);
  keepPrevious(logFile);
  const log = openSync(logFile, 'a');
  const [program, ...args] = service.command;
  if (program === undefined) throw new RoomlogError('stack_failed', `${service.name} has no command.`);
  const child = spawn(program, args, {
    cwd: ROOT,
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...foreignEnvironment(), ...service.env },
  });
  closeSync(log);
  child.on('error', () => {}); // told below: there is no pid
  child.unref();
  const identity = child.pid === undefined ? null : identify(child.pid);
  if (identity === null) throw new RoomlogError('stack_failed', diedMessage(service.name, logFile));
  const record = { name: service.name, ...identity, logFile };
  enterProcess(paths, record);
  return record;
}

/** Waits until the service says that it is ready. Throws `stack_failed` with the end of its log when it died or takes too long. */
export async function waitReady(service: Service, record: ProcessRecord, aborted: AbortSignal): Promise<void> {
  const deadline = Date.now() + service.readyWithinMs;
  for (;;) {
    let problem: unknown;
    try {
      await service.ready();
      // What answered may be something else on that port: then ours is dead.
      if (isAlive(record)) return;
    } catch (error) {
      problem = error;
    }
    aborted.throwIfAborted();
    if (!isAlive(record)) throw new RoomlogError('stack_failed', diedMessage(service.name, record.logFile));
    if (Date.now() > deadline) {
      const seconds = Math.round(service.readyWithinMs / 1000);
      throw new RoomlogError(
        'stack_failed',
        `${service.name} was not ready within ${seconds} s (${problem instanceof Error ? problem.message : problem}).\n${logEnd(record.logFile)}`,
        { cause: problem },
      );
    }
    await delay(POLL_MS);
  }
}

export async function stopService(record: ProcessRecord, stopWithinMs: number, paths: StatePaths): Promise<string> {
  const outcome = await stopProcess(record, stopWithinMs);
  removeProcess(paths, record.name);
  return outcome;
}

function foreignEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('ROOMLOG_') || name.startsWith('ROOMLOG_TEST_')),
  );
}

function diedMessage(name: string, logFile: string): string {
  return `${name} ended while starting.\n${logEnd(logFile)}`;
}

function logEnd(logFile: string): string {
  let lines: string[] = [];
  try {
    lines = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_LINES_SHOWN);
  } catch {
    // no log at all says enough
  }
  return [`The end of ${logFile}:`, ...lines.map((line) => `  ${line}`)].join('\n');
}

function keepPrevious(logFile: string): void {
  try {
    renameSync(logFile, `${logFile}.old`);
  } catch {
    // the first run has none
  }
}
