/**
 * Virtual time. Everything that happens later is a task in one queue, ordered by time, then by when it was asked for; time
 * jumps from task to task. A task belongs to an actor, a simulated process: one that is paused does its tasks when it goes
 * on, one that was killed never does. Whatever a task sets off at once (promises) has happened before the next task begins.
 */
// The real one, whatever the global of that name is.
import { setImmediate as realSetImmediate } from 'node:timers';
import type { Trace } from './trace.ts';

/** Tasks after which a run is taken to go round in circles. */
const MAX_TASKS = 3_000_000;
/** Steps queued in one turn of the real event loop. */
const STEPS_PER_TURN = 64;

export class Actor {
  readonly name: string;
  readonly id: number;
  alive = true;
  /** What it will do when it goes on; null while it runs. */
  parked: Task[] | null = null;
  /** How far its wall clock is off, ms. */
  skewMs = 0;
  /** What one look at the clock costs it, ms: a slow machine. */
  lookCostMs = 0;

  constructor(name: string, id: number) {
    this.name = name;
    this.id = id;
  }
}

export interface Task {
  at: number;
  order: number;
  readonly actor: Actor | null;
  /** null: cancelled, or done. */
  run: (() => void) | null;
}

export class Scheduler {
  readonly trace: Trace;
  /** ms since the run's beginning. */
  now = 0;
  /** Whose task runs; null: the world's. */
  current: Actor | null = null;
  /** The first thing that was thrown where nobody catches. */
  failure: unknown = null;
  tasks = 0;
  #heap: Task[] = [];
  #order = 0;
  #actors = 0;
  #stopped = false;

  constructor(trace: Trace) {
    this.trace = trace;
  }

  actor(name: string): Actor {
    this.#actors++;
    return new Actor(name, this.#actors);
  }

  after(ms: number, actor: Actor | null, run: () => void): Task {
    return this.at(this.now + (ms > 0 ? ms : 0), actor, run);
  }

  /** `timeMs`: not before now. What is asked for the same time keeps its order, as no sum of a difference would promise. */
  at(timeMs: number, actor: Actor | null, run: () => void): Task {
    const task = { at: timeMs, order: this.#order++, actor, run };
    this.#push(task);
    return task;
  }

  cancel(task: Task): void {
    task.run = null;
  }

  /** Like SIGSTOP. */
  pause(actor: Actor): void {
    actor.parked ??= [];
  }

  /** Like SIGCONT: what came due meanwhile is done at once, in its order. */
  resume(actor: Actor): void {
    const { parked } = actor;
    actor.parked = null;
    for (const task of parked ?? []) {
      task.at = this.now;
      task.order = this.#order++;
      this.#push(task);
    }
  }

  /** Like SIGKILL. */
  kill(actor: Actor): void {
    actor.alive = false;
    actor.parked = null;
  }

  /** Lets `run` end after the task that calls it. */
  stop(): void {
    this.#stopped = true;
  }

  /** Runs tasks until `stop`, a failure, or that time; resolves to whether it was stopped. */
  run(untilMs: number): Promise<boolean> {
    this.#stopped = false;
    return new Promise((resolve) => {
      let over = false;
      let queued = 0;
      const step = () => {
        queued--;
        if (over) return;
        if (this.#stopped || this.failure !== null || !this.#step(untilMs)) {
          over = true;
          resolve(this.#stopped && this.failure === null);
        } else if (queued === 0) fill();
      };
      const fill = () => {
        // Promises' reactions run between immediates of one turn, and a turn has its price.
        for (; queued < STEPS_PER_TURN; queued++) realSetImmediate(step);
      };
      fill();
    });
  }

  /** False where there is nothing to do before `untilMs`. */
  #step(untilMs: number): boolean {
    for (let task = this.#heap[0]; task !== undefined; task = this.#heap[0]) {
      if (task.at > untilMs) return false;
      this.#pop();
      const { run, actor } = task;
      if (run === null || actor?.alive === false) continue;
      if (task.at > this.now) this.now = task.at;
      if (actor !== null && actor.parked !== null) {
        actor.parked.push(task);
        continue;
      }
      task.run = null;
      this.current = actor;
      this.tasks++;
      if (this.tasks > MAX_TASKS) this.failure ??= new Error(`more than ${MAX_TASKS} tasks`);
      this.trace.step(this.now, actor?.id ?? 0);
      try {
        run();
      } catch (thrown) {
        this.failure ??= thrown;
      }
      return true;
    }
    return false;
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let at = heap.push(task) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Task;
      if (isBefore(above, task)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Task;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child] as Task)) child++;
      const below = heap[child] as Task;
      if (isBefore(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

const isBefore = (left: Task, right: Task): boolean =>
  left.at < right.at || (left.at === right.at && left.order < right.order);
