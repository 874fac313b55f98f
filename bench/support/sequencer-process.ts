/** A sequencer process of a bench's own, started as an operator would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { nodeFlags } from '../../scripts/stack/node-flags.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const POLL_MS = 50;

/** As far as benches ask; what /health says. */
export interface SequencerHealth {
  /** Absent until the process has joined the group. */
  readonly owned?: readonly number[];
  readonly partitions?: ReadonlyArray<{ readonly partition: number; readonly state: string }>;
}

export class SequencerProcess {
  readonly name: string;
  readonly adminUrl: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #logFile: string;
  #child: ChildProcess | null = null;

  constructor(name: string, adminPort: number, env: Readonly<Record<string, string>>, logFile: string) {
    this.name = name;
    this.adminUrl = `http://127.0.0.1:${adminPort}`;
    this.#env = { ...env, ROOMLOG_SEQUENCER_NAME: name, ROOMLOG_SEQUENCER_ADMIN_PORT: `${adminPort}` };
    this.#logFile = logFile;
  }

  get pid(): number {
    if (this.#child?.pid === undefined) throw new Error(`${this.name} does not run`);
    return this.#child.pid;
  }

  start(): void {
    const node = `${ROOT}/node_modules/.bin/node`;
    const child = spawn(node, [...nodeFlags('sequencer'), `${ROOT}/cli/main.ts`, 'sequencer'], {
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const log = createWriteStream(this.#logFile, { flags: 'a' });
    child.stdout?.pipe(log, { end: false });
    child.stderr?.pipe(log, { end: false });
    this.#child = child;
  }

  /** Signals it and returns at once; the promise tells when it is gone. */
  end(signal: NodeJS.Signals): Promise<unknown> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
    const gone = once(child, 'exit');
    child.kill(signal);
    return gone;
  }

  async health(): Promise<SequencerHealth> {
    return (await (await fetch(`${this.adminUrl}/health`)).json()) as SequencerHealth;
  }

  /** The value of a counter without labels; 0 where it has not counted yet. */
  async counter(name: string): Promise<number> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1] ?? 0);
  }

  /** The value of a gauge without labels. */
  async gauge(name: string): Promise<number> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    return Number(new RegExp(`^${name} ([\\d.e+]+)`, 'm').exec(text)?.[1] ?? Number.NaN);
  }

  /** The longest delay of its event loop since this was last asked, ms. */
  async stallMs(): Promise<number> {
    const text = await (await fetch(`${this.adminUrl}/metrics`)).text();
    const found = /^roomlog_event_loop_delay_ms\{[^}]*quantile="1"[^}]*\} ([\d.e+]+)/m.exec(text);
    return Number(found?.[1] ?? Number.NaN);
  }

  /** Resolves when it works on this many partitions. Throws after `withinMs`. */
  async working(partitions: number, withinMs = 60_000): Promise<void> {
    const deadline = performance.now() + withinMs;
    for (;;) {
      const health = await this.health().catch(() => null);
      const processing = health?.partitions?.filter(({ state }) => state === 'processing').length ?? 0;
      if (health?.owned?.length === partitions && processing === partitions) return;
      if (performance.now() > deadline)
        throw new Error(
          `${this.name} works on ${processing} of ${health?.owned?.length} partitions, not ${partitions}`,
        );
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
