/**
 * One worker as its supervisor sees it: a process that is started again whenever it ends, until it is told to stop.
 *
 *     starting ──serving──▶ serving ──ended──▶ waiting ──back-off──▶ starting
 *         └──────────────────────────ended───────▲         (until `stop`: ▶ stopped)
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { restartDelayMs, STABLE_AFTER_MS } from './back-off.ts';
import type { WorkerSaid, WorkerTold } from './messages.ts';

/** Sources run as they are; in the package they are compiled. */
const PROGRAM = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? 'worker.ts' : 'worker.js', import.meta.url));

export type WorkerState = 'starting' | 'serving' | 'waiting' | 'stopped';

export interface WorkerOptions {
  /** The worker's own: its name and ports are in it. */
  readonly config: Config;
  readonly logger: LogSink;
  readonly onRestart: () => void;
}

export class WorkerProcess {
  readonly name: string;
  readonly #options: WorkerOptions;
  #child: ChildProcess | null = null;
  #state: WorkerState = 'stopped';
  #adminUrl: string | null = null;
  #servingSinceMs: number | null = null;
  #endsInARow = 0;
  #restarts = 0;
  #timer: NodeJS.Timeout | null = null;
  #isStopping = false;
  #onEnded: (() => void)[] = [];
  /** Settles the first start. */
  #first: PromiseWithResolvers<void> | null = null;
  #failure: RoomlogError | null = null;

  constructor(options: WorkerOptions) {
    this.name = options.config.gateway.name;
    this.#options = options;
  }

  get state(): WorkerState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Base URL of its admin port; null while it has none. */
  get adminUrl(): string | null {
    return this.#adminUrl;
  }

  get restarts(): number {
    return this.#restarts;
  }

  /** Resolves when it serves. Rejects where it ends before: with its own error where it has one, else with `unavailable`. */
  start(): Promise<void> {
    this.#first = Promise.withResolvers();
    this.#fork();
    return this.#first.promise;
  }

  /** Has it drained. Resolves when it has ended, by force after `withinMs`. */
  async stop(withinMs: number): Promise<void> {
    this.#isStopping = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const child = this.#child;
    if (child === null) {
      this.#state = 'stopped';
      return;
    }
    const ended = new Promise<void>((resolve) => this.#onEnded.push(resolve));
    this.#tell(child, { tell: 'stop' });
    const force = setTimeout(() => this.kill('it did not stop in time'), withinMs);
    await ended;
    clearTimeout(force);
  }

  /** Ends it at once; unless it is being stopped it is started again. */
  kill(why: string): void {
    this.#options.logger.error({ worker: this.name, pid: this.pid, why }, 'killing a worker');
    this.#child?.kill('SIGKILL');
  }

  #fork(): void {
    this.#state = 'starting';
    const child = fork(PROGRAM, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child = child;
    child.on('message', (said: WorkerSaid) => this.#onSaid(said));
    child.on('error', (error: NodeJS.ErrnoException) => {
      // It says why it ends by its exit; what can't be sent to it any more is no news.
      this.#options.logger.debug({ worker: this.name, error }, 'a worker does not listen');
      // Where there was no process to be had, no exit follows.
      if (child.pid === undefined && this.#child === child) this.#onExit(error.code ?? error.message);
    });
    child.once('exit', (code, signal) => this.#onExit(signal ?? code));
    this.#tell(child, { tell: 'start', config: this.#options.config });
  }

  #tell(child: ChildProcess, told: WorkerTold): void {
    if (child.connected) child.send(told);
  }

  #onSaid(said: WorkerSaid): void {
    if (said.said === 'admin') this.#adminUrl = said.url;
    else if (said.said === 'serving') {
      this.#state = 'serving';
      this.#servingSinceMs = performance.now();
      this.#first?.resolve();
      this.#first = null;
    } else {
      const options = said.code === null ? { cause: new Error(said.message) } : {};
      this.#failure = new RoomlogError(said.code ?? 'unavailable', said.message, options);
    }
  }

  #onExit(how: number | string | null): void {
    const { logger, onRestart } = this.#options;
    const served = this.#servingSinceMs !== null && performance.now() - this.#servingSinceMs;
    this.#child = null;
    this.#adminUrl = null;
    this.#servingSinceMs = null;
    const failure =
      this.#failure ?? new RoomlogError('unavailable', `${this.name} ended with ${how} while it started.`);
    this.#failure = null;
    for (const resolve of this.#onEnded.splice(0)) resolve();
    if (this.#isStopping || this.#first !== null) {
      this.#state = 'stopped';
      this.#first?.reject(failure);
      this.#first = null;
      return;
    }
    this.#state = 'waiting';
    this.#endsInARow = served !== false && served >= STABLE_AFTER_MS ? 1 : this.#endsInARow + 1;
    const delayMs = restartDelayMs(this.#endsInARow);
    logger.error(
      { worker: this.name, how, delayMs, endsInARow: this.#endsInARow },
      'a worker ended: starting it again',
    );
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#restarts += 1;
      onRestart();
      this.#fork();
    }, delayMs);
  }
}
