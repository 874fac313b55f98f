/** Processes that stand still: connections stay open, nothing answers. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { identify, isAlive, type ProcessIdentity, signal } from '../../scripts/stack/process-identity.ts';

const POLL_MS = 5;

/**
 * SIGSTOP; resolves when every thread stands still, or the process is gone. The signal alone returns sooner: a broker's network threads have
 * been seen to take and replicate a record that was sent after it.
 */
export async function freezeProcess(process: ProcessIdentity | number): Promise<void> {
  const target = typeof process === 'number' ? identify(process) : process;
  if (target === null) return;
  signal(target, 'SIGSTOP');
  while (isAlive(target) && !allThreadsStopped(target.pid)) await delay(POLL_MS);
}

/** Linux's /proc (proc(5)): the state stands behind the command, which ends with the last parenthesis. */
function allThreadsStopped(pid: number): boolean {
  try {
    return readdirSync(`/proc/${pid}/task`).every((thread) => {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8');
      return /^[TZ]/.test(stat.slice(stat.lastIndexOf(')') + 2));
    });
  } catch {
    return false; // a thread ended between the two looks
  }
}
