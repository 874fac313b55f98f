/**
 * How much the event loop needs relief, 0 to 1: rises while it is busy, sinks once it has time to spare, and stays between
 * the two, so that what gives way to it doesn't swing. What counts is a mean over some samples: a loop that has half of its time left
 * has full tenths of a second as well (a collection, a burst), which are over before anything that is done about them helps.
 */
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../core/ports/clock.ts';

/** Pause between two looks, ms. */
const SAMPLE_MS = 100;
/** What a sample leaves of the mean before it. */
const KEPT_PER_SAMPLE = 0.7;
const STEP_PER_SAMPLE = 0.1;

/** Time that the loop worked and waited since the process began, ms. */
export interface LoopTimes {
  readonly active: number;
  readonly idle: number;
}

/** Shares of the time. */
export interface LoopBounds {
  /** Above, the loop counts as busy. */
  readonly busy: number;
  /** Below, it has time to spare. */
  readonly atEase: number;
}

/** What the loop worked and waited since the process began. */
export const thisLoop = (): LoopTimes => performance.eventLoopUtilization();

export class LoopPressure {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #bounds: LoopBounds;
  readonly #read: () => LoopTimes;
  #last: LoopTimes;
  #sampledAtMs: number;
  /** Share of the time that the loop worked, of late. */
  #share = 0;
  #value = 0;

  constructor(clock: Pick<Clock, 'monotonic'>, bounds: LoopBounds, read: () => LoopTimes = thisLoop) {
    this.#clock = clock;
    this.#bounds = bounds;
    this.#read = read;
    this.#last = read();
    this.#sampledAtMs = clock.monotonic();
  }

  /** Looks at the loop at most once in a while: cheap to ask. */
  get value(): number {
    const now = this.#clock.monotonic();
    const samples = (now - this.#sampledAtMs) / SAMPLE_MS;
    if (samples < 1) return this.#value;
    const times = this.#read();
    const active = times.active - this.#last.active;
    const share = active / Math.max(1, active + times.idle - this.#last.idle);
    this.#last = times;
    this.#sampledAtMs = now;
    this.#share = share + (this.#share - share) * KEPT_PER_SAMPLE ** samples;
    if (this.#share > this.#bounds.busy) this.#value = Math.min(1, this.#value + STEP_PER_SAMPLE);
    // Asked for the first time in a while, it has had time all the while.
    else if (this.#share < this.#bounds.atEase) this.#value = Math.max(0, this.#value - STEP_PER_SAMPLE * samples);
    return this.#value;
  }
}
