/** CPU time of other processes, from /proc (Linux only: the benches say so). */
import { readFileSync } from 'node:fs';

/** Linux's USER_HZ, 100 on every platform Node runs on. */
const TICKS_PER_SECOND = 100;

/** User + system seconds of a process since its start. Throws when it is gone. */
export function cpuSeconds(pid: number): number {
  return secondsIn(`/proc/${pid}/stat`);
}

/** The same of its first thread alone, which runs JavaScript in Node; the others collect, compile and wait for files. */
export function mainThreadSeconds(pid: number): number {
  return secondsIn(`/proc/${pid}/task/${pid}/stat`);
}

function secondsIn(path: string): number {
  const stat = readFileSync(path, 'utf8');
  // The command's name may hold spaces; the fields after its closing bracket do not.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Takes a reading of named processes; the returned function gives each one's share of a core since then. */
export function startCpuMeter(pids: Readonly<Record<string, number>>): () => Record<string, number> {
  const started = performance.now();
  const before = Object.entries(pids).map(([name, pid]) => [name, pid, cpuSeconds(pid)] as const);
  return () => {
    const seconds = (performance.now() - started) / 1000;
    return Object.fromEntries(
      before.map(([name, pid, then]) => [name, Math.round(((cpuSeconds(pid) - then) / seconds) * 1000) / 1000]),
    );
  };
}

/** Starts watching what the hypervisor takes away; the returned function gives its share of all cores since then. */
export function startStealMeter(): () => number {
  const read = () => {
    const fields = (readFileSync('/proc/stat', 'utf8').split('\n')[0] ?? '')
      .trim()
      .split(/\s+/)
      .slice(1, 9)
      .map(Number);
    return { steal: fields[7] ?? 0, all: fields.reduce((sum, ticks) => sum + ticks, 0) };
  };
  const before = read();
  return () => {
    const now = read();
    return Math.round(((now.steal - before.steal) / Math.max(1, now.all - before.all)) * 1000) / 1000;
  };
}
