/** Keeps processes to cores of their own, where the machine has enough of them and `taskset` is there. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

/** Fewer cores than this are shared by all: a result says so. */
const MIN_CORES = 4;

/** Which cores serve what; null where nothing is pinned. */
export interface Cores {
  readonly server: string;
  readonly infrastructure: string;
  readonly clients: readonly string[];
}

export function layOutCores(): Cores | null {
  const count = cpus().length;
  if (count < MIN_CORES) return null;
  try {
    execFileSync('taskset', ['-V'], { stdio: 'ignore' });
  } catch {
    return null;
  }
  return { server: '0', infrastructure: '1', clients: Array.from({ length: count - 2 }, (_, index) => `${index + 2}`) };
}

/** All threads of a process. */
export function pin(pid: number, core: string | undefined): void {
  if (core !== undefined) execFileSync('taskset', ['-a', '-c', '-p', core, String(pid)], { stdio: 'ignore' });
}
