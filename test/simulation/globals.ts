/**
 * Time and chance as the code under test finds them: in this process, and only in this one, timers, clocks and `Math.random`
 * belong to the run that goes on. Between runs they are the real ones.
 */
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { Clock } from '../../core/ports/clock.ts';
import type { Random } from './random.ts';
import type { Actor, Scheduler, Task } from './scheduler.ts';

/** The wall clock at the beginning of every run, ms since the Unix epoch. */
export const START_MS = 1_800_000_000_000;
/** A turn of an event loop is over after so many ms; what was put off to its end happens in its order. */
const TURN_MS = 0.01;

interface Running {
  readonly scheduler: Scheduler;
  readonly random: Random;
}

let running: Running | null = null;
/** Things that nobody caught; the run that goes on is to blame. */
let onUncaught: ((thrown: unknown) => void) | null = null;

/** What an actor's clock says. */
export function clockOf(scheduler: Scheduler, actor: Actor): Clock {
  const look = (): number => {
    if (actor.lookCostMs > 0) scheduler.now += actor.lookCostMs;
    return scheduler.now;
  };
  return { now: () => Math.floor(START_MS + look() + actor.skewMs), monotonic: look };
}

/** What `setTimeout` and `setInterval` return. */
class Timer {
  readonly #scheduler: Scheduler;
  readonly #run: () => void;
  readonly #ms: number;
  readonly #repeats: boolean;
  readonly #actor: Actor | null;
  #task: Task | null;

  constructor(scheduler: Scheduler, run: () => void, ms: number, repeats: boolean) {
    this.#scheduler = scheduler;
    this.#run = run;
    this.#ms = Math.max(1, Number.isFinite(ms) ? Math.floor(ms) : 1);
    this.#repeats = repeats;
    this.#actor = scheduler.current;
    this.#task = this.#schedule();
  }

  #schedule(): Task {
    return this.#scheduler.after(this.#ms, this.#actor, () => {
      this.#task = this.#repeats ? this.#schedule() : null;
      this.#run();
    });
  }

  clear(): void {
    if (this.#task !== null) this.#scheduler.cancel(this.#task);
    this.#task = null;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  refresh(): this {
    this.clear();
    this.#task = this.#schedule();
    return this;
  }
}

/** Replaces them, once in the life of a process. */
export function replaceGlobals(): void {
  const real = { setTimeout, setInterval, setImmediate, clearTimeout, clearInterval, random: Math.random };
  const realNow = Date.now;
  const realMonotonic = performance.now.bind(performance);
  const after =
    (repeats: boolean, otherwise: (...given: never[]) => unknown) =>
    (run: (...given: unknown[]) => void, ms = 0, ...given: unknown[]) =>
      running === null
        ? (otherwise as (...all: unknown[]) => unknown)(run, ms, ...given)
        : new Timer(running.scheduler, () => run(...given), ms, repeats);
  const clear = (otherwise: (timer: never) => void) => (timer: unknown) => {
    if (timer instanceof Timer) timer.clear();
    else otherwise(timer as never);
  };
  const look = (offsetMs: (actor: Actor | null) => number, otherwise: () => number) => () => {
    if (running === null) return otherwise();
    const { scheduler } = running;
    const actor = scheduler.current;
    if (actor !== null && actor.lookCostMs > 0) scheduler.now += actor.lookCostMs;
    return scheduler.now + offsetMs(actor);
  };
  const wall = look((actor) => START_MS + (actor?.skewMs ?? 0), realNow);
  Object.assign(globalThis, {
    setTimeout: after(false, real.setTimeout),
    setInterval: after(true, real.setInterval),
    setImmediate: (run: (...given: unknown[]) => void, ...given: unknown[]) => {
      if (running === null) return real.setImmediate(run, ...given);
      const { scheduler } = running;
      return scheduler.after(TURN_MS, scheduler.current, () => run(...given));
    },
    clearTimeout: clear(real.clearTimeout),
    clearInterval: clear(real.clearInterval),
  });
  Date.now = () => Math.floor(wall());
  performance.now = look(() => 0, realMonotonic);
  Math.random = () => (running === null ? real.random() : running.random.next());
  const promises = createRequire(import.meta.url)('node:timers/promises') as Record<string, unknown>;
  const realSleep = promises.setTimeout as (ms?: number, value?: unknown, options?: object) => Promise<unknown>;
  promises.setTimeout = (ms?: number, value?: unknown, options?: { signal?: AbortSignal }) =>
    running === null
      ? realSleep(ms, value, options)
      : new Promise((resolve, reject) => {
          const timer = setTimeout(resolve, ms, value);
          options?.signal?.addEventListener('abort', () => {
            clearTimeout(timer);
            reject(options.signal?.reason);
          });
        });
  syncBuiltinESMExports();
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) {
    process.on(event, (thrown: unknown) => {
      if (onUncaught !== null) onUncaught(thrown);
      else {
        console.error(thrown);
        process.exit(70);
      }
    });
  }
}

/** From now on time and chance are this run's. */
export function enter(scheduler: Scheduler, random: Random): void {
  running = { scheduler, random };
  onUncaught = (thrown) => {
    scheduler.failure ??= thrown;
  };
}

/** And now they are the real ones again. */
export function leave(): void {
  running = null;
  onUncaught = null;
}
