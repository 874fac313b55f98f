/**
 * Processes by pid and start time, so that a pid which the kernel has given to somebody else is never touched.
 * Reads Linux's /proc (proc(5)): field 3 of `stat` is the state, field 22 the start time in clock ticks since boot.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot. */
  readonly startTicks: number;
}

const POLL_MS = 25;

/** Who has this pid now; null when nobody, or a dead process that its parent has not collected. */
export function identify(pid: number): ProcessIdentity | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The command's name (field 2) may hold blanks and parentheses: count from behind the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  if (state === undefined || state === 'Z' || state === 'X') return null;
  return { pid, startTicks: Number(fields[19]) };
}

export function isAlive(process: ProcessIdentity): boolean {
  return identify(process.pid)?.startTicks === process.startTicks;
}

/** The command line as one text; empty when the process is gone or a kernel thread. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

/** Whether the process ended within `timeoutMs`. */
export async function waitForEnd(process: ProcessIdentity, timeoutMs: number): Promise<boolean> {
  const deadline = Date.now() + timeoutMs;
  while (isAlive(process)) {
    if (Date.now() > deadline) return false;
    await delay(POLL_MS);
  }
  return true;
}

export type StopOutcome = 'gone' | 'stopped' | 'killed';

/** SIGTERM, and SIGKILL for what is still there after `graceMs`. `gone`: it did not run any more. */
export async function stopProcess(process: ProcessIdentity, graceMs: number): Promise<StopOutcome> {
  if (!signal(process, 'SIGTERM')) return 'gone';
  if (await waitForEnd(process, graceMs)) return 'stopped';
  signal(process, 'SIGKILL');
  await waitForEnd(process, graceMs);
  return 'killed';
}

/** Sends a signal to exactly this process; false when it is gone. */
export function signal(target: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isAlive(target)) return false;
  try {
    process.kill(target.pid, name);
    return true;
  } catch {
    return false;
  }
}
