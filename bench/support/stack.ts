/** A local stack of a bench's own in a temporary state folder: started, and always stopped and deleted again. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../scripts/stack/root.ts';
import { readStackFile, type StackFile } from '../../scripts/stack/stack-file.ts';
import { statePaths } from '../../scripts/stack/state-dir.ts';
import { cleanUpOnAnyEnd } from './clean-up.ts';
import { type Cores, pin } from './pin.ts';

export interface StackOptions {
  /** First of the ports it may use. */
  readonly portBase: number;
  /** More for `scripts/up`: `['--infra-only', '--brokers', '3']`. */
  readonly up?: readonly string[];
  /** More environment for `scripts/up` and all that it starts. */
  readonly env?: Readonly<Record<string, string>>;
}

export class BenchStack {
  readonly stateDir: string;
  readonly file: StackFile;
  readonly #ends: Array<() => unknown>;

  constructor(stateDir: string, file: StackFile, ends: Array<() => unknown>) {
    this.stateDir = stateDir;
    this.file = file;
    this.#ends = ends;
  }

  /** Also called when the bench is over or interrupted, before the stack stops, newest first. On a signal nobody waits for promises. */
  atEnd(end: () => unknown): void {
    this.#ends.push(end);
  }

  /** A token for rooms under `bench/`. */
  token(user = 'bench'): string {
    const claims = ['--user', user, '--room', 'bench/**', '--ttl', '12h'];
    return execFileSync(join(ROOT, 'roomlog'), ['token', '--state-dir', this.stateDir, ...claims], {
      encoding: 'utf8',
    }).trim();
  }

  /** The configuration file of the stack's own gateway or sequencer of this name, to start others like it. */
  configOf(name: string): string {
    return join(this.stateDir, 'config', `${name}.yaml`);
  }

  /** Brokers, sequencers and all that idles go to the core for infrastructure; gateways too, where a bench starts its own. */
  pinInfrastructure(cores: Cores | null, options: { readonly gatewaysToo: boolean }): void {
    const { kafka, registry, redis, sequencers, gateways } = this.file;
    const others = [registry.pid, redis.pid, ...(options.gatewaysToo ? gateways.map(({ pid }) => pid) : [])];
    for (const pid of [...kafka.pids, ...sequencers.map(({ pid }) => pid), ...others]) {
      if (pid !== null) pin(pid, cores?.infrastructure);
    }
  }

  /** Disk that it uses now. */
  diskBytes(): number {
    const said = execFileSync('du', ['-s', '--block-size=1', this.stateDir], { encoding: 'utf8' });
    return Number(said.split('\t')[0]);
  }
}

/**
 * Starts a stack, hands it over, and stops it whatever happens: an error, also one that nobody caught, a signal, or the end. Throws what `use` throws. Output of
 * `scripts/up` goes to stderr, since stdout belongs to results.
 */
export async function withStack<Result>(
  options: StackOptions,
  use: (stack: BenchStack) => Promise<Result>,
): Promise<Result> {
  const stateDir = mkdtempSync(join(tmpdir(), 'roomlog-bench-'));
  const script = (name: string, ...args: readonly string[]): void => {
    execFileSync(join(ROOT, 'scripts', name), [...args, '--state-dir', stateDir], {
      stdio: ['ignore', process.stderr, process.stderr],
      env: { ...process.env, ...options.env },
    });
  };
  const ends: Array<() => unknown> = [];
  let isOver = false;
  const stop = (): unknown[] => {
    if (isOver) return [];
    isOver = true;
    return ends.reverse().map((end) => end());
  };
  const remove = (): void => {
    try {
      script('down');
    } finally {
      rmSync(stateDir, { recursive: true, force: true });
    }
  };
  const takeBack = cleanUpOnAnyEnd(() => {
    stop();
    remove();
  });
  try {
    script('up', '--detach', '--port-base', String(options.portBase), ...(options.up ?? []));
    const file = readStackFile(statePaths(stateDir));
    if (file === null) throw new Error(`scripts/up left no stack.json in ${stateDir}`);
    return await use(new BenchStack(stateDir, file, ends));
  } finally {
    await Promise.allSettled(stop());
    remove();
    takeBack();
  }
}
