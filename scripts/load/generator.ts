/** What k6 itself cost: where a machine's limit is k6, its figures say little of Roomlog. */
import { readFileSync } from 'node:fs';
import { cpuSeconds, startStealMeter } from '../../bench/support/cpu.ts';

export interface GeneratorCost {
  /** User + system. */
  readonly cpuSeconds: number;
  /** From k6's start to its end. */
  readonly elapsedSeconds: number;
  /** Greatest resident memory. */
  readonly memoryMiB: number;
  /** What the hypervisor took of all cores meanwhile, 0 to 1. */
  readonly steal: number;
}

const READ_EVERY_MS = 200;

/** Watches a process; the returned function ends that and gives what it cost, as far as it was seen. */
export function watchGenerator(pid: number): () => GeneratorCost {
  const began = performance.now();
  const steal = startStealMeter();
  let seconds = 0;
  let memoryMiB = 0;
  const read = (): void => {
    try {
      seconds = cpuSeconds(pid);
      const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
      // Gone from there once it has ended.
      memoryMiB = Math.max(memoryMiB, Math.round(Number(peak ?? 0) / 1024));
    } catch {
      // it has ended, or this is no Linux
    }
  };
  const timer = setInterval(read, READ_EVERY_MS);
  return () => {
    clearInterval(timer);
    const elapsedSeconds = Math.round((performance.now() - began) / 100) / 10;
    return { cpuSeconds: seconds, elapsedSeconds, memoryMiB, steal: steal() };
  };
}
