/** Many seeds over several processes. Ends with the first failure, or when all were run, or when time is up. */
import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { add, noTotals, type Totals } from './totals.ts';

/** What a worker is asked for at once. */
export interface Portion {
  readonly from: number;
  readonly seeds: number;
  readonly versions: 1 | 2 | null;
}

export interface PoolOptions {
  readonly from: number;
  readonly seeds: number;
  readonly minutes: number;
  readonly workers: number;
  readonly versions: 1 | 2 | null;
  readonly sabotage: string | null;
  /** Told after every portion. */
  onProgress?(totals: Totals): void;
}

const SEEDS_PER_PORTION = 20;

/** Rejects where a worker dies. */
export async function runSeeds(options: PoolOptions): Promise<Totals> {
  const totals = noTotals();
  const endsAt = performance.now() + options.minutes * 60_000;
  const last = options.from + options.seeds;
  let next = options.from;
  const portion = (): Portion | null => {
    if (next >= last || totals.failures.length > 0 || performance.now() >= endsAt) return null;
    const from = next;
    const seeds = Math.min(SEEDS_PER_PORTION, last - from);
    next += seeds;
    return { from, seeds, versions: options.versions };
  };
  const workers = Math.max(1, Math.min(options.workers, Math.ceil(options.seeds / SEEDS_PER_PORTION)));
  const children: ChildProcess[] = [];
  const work = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(join(import.meta.dirname, 'worker.ts'), options.sabotage === null ? [] : [options.sabotage], {
        execArgv: ['--disable-warning=ExperimentalWarning'],
      });
      children.push(child);
      child.on('message', (message: Totals | 'ready') => {
        if (message !== 'ready') {
          add(totals, message);
          options.onProgress?.(totals);
        }
        const more = portion();
        if (more !== null) child.send(more);
        else {
          child.disconnect();
          resolve();
        }
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        if (code !== 0)
          reject(new Error(`a worker ended with ${code ?? signal}; its portion began at or below ${next}`));
      });
    });
  try {
    await Promise.all(Array.from({ length: workers }, work));
  } finally {
    for (const child of children) if (child.exitCode === null) child.kill();
  }
  return totals;
}
