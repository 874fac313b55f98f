/** A program run to its end, pinned, with its wall time and processor time. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpuSeconds } from './cpu.ts';

/** How much later than its end a process's time may be read: what it used since the last look is lost. */
const LOOK_EVERY_MS = 20;

export interface TimedProcess {
  readonly elapsedMs: number;
  /** User and system, all threads. */
  readonly cpuSeconds: number;
  /** Standard output; empty where it went elsewhere. */
  readonly stdout: string;
  /** Also shown as it comes. */
  readonly stderr: string;
}

export interface TimedOptions {
  /** A list for `taskset`; undefined: wherever the system puts it. */
  readonly cores?: string | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** What it writes is thrown away, as by a reader that is faster than any. */
  readonly discardOutput?: boolean;
}

/** Throws where it ends with another code than 0; what it says on stderr is seen. */
export async function runTimed(argv: readonly string[], options: TimedOptions = {}): Promise<TimedProcess> {
  const pinned = options.cores === undefined ? argv : ['taskset', '-c', options.cores, ...argv];
  const [program = '', ...args] = pinned;
  const started = performance.now();
  const child = spawn(program, args, {
    stdio: ['ignore', options.discardOutput === true ? 'ignore' : 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  // Of an interrupted bench nothing is left that reads, or answers on the next one's ports.
  const endWithUs = (): void => void child.kill('SIGKILL');
  process.once('exit', endWithUs);
  let stdout = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  let stderr = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    process.stderr.write(text);
  });
  let used = 0;
  const look = setInterval(() => {
    try {
      used = cpuSeconds(child.pid as number);
    } catch {
      // It is gone; its end comes next.
    }
  }, LOOK_EVERY_MS);
  try {
    const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (code !== 0) throw new Error(`${argv.join(' ')} ended with ${code ?? signal}:\n${stdout.slice(-2_000)}`);
  } finally {
    clearInterval(look);
    process.off('exit', endWithUs);
  }
  return { elapsedMs: performance.now() - started, cpuSeconds: used, stdout, stderr };
}
