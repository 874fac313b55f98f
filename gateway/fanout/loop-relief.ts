/**
 * What a gateway does about a busy event loop, in two steps, dearer ones last:
 *
 *     from 70 % on   fetches rest: what comes meanwhile shares one, and its writes follow each other closely
 *     from 85 % on   windows grow: events of a room share writes (window.ts)
 *
 * Both begin well before the loop is behind: a queue before a loop that is nine tenths busy costs more latency than either, and what is left is for
 * bursts. A rest takes little of an event's time, and pays whatever the rooms; a window takes more, and pays only where rooms are hot enough to fill it.
 *
 * Both save live events' own work alone. Where something else keeps the loop busy (a thousand clients who come back, one who reads a week), they would
 * cost events their time and give nothing for it; so they go only as far as live work is a part of what the loop does.
 */
import type { Clock } from '../../core/ports/clock.ts';
import { LoopPressure, type LoopTimes, thisLoop } from './loop-pressure.ts';

const FETCHES = { busy: 0.7, atEase: 0.66 };
const WINDOWS = { busy: 0.85, atEase: 0.8 };
/** A rest is at most this part of the longest window. */
const REST_PART = 3;
/** Live work that takes this share of the time is worth all the relief there is. */
const WORTH_ALL = 0.25;
/** What a write to a member and a folded record, with what it takes to fetch, decode and frame it, cost the loop, ms: roughly, as measured on several machines. */
const MS_PER_WRITE = 0.008;
const MS_PER_RECORD = 0.02;
/** Pause between two looks at the work, ms. */
const SAMPLE_MS = 100;

/** What was done for live events since the start. */
export interface LiveWork {
  /** Socket writes of windows. */
  readonly writes: number;
  readonly records: number;
}

export class LoopRelief {
  readonly #fetches: LoopPressure;
  readonly #windows: LoopPressure;
  readonly #maxRestMs: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #work: () => LiveWork;
  #workMs = 0;
  #sampledAtMs: number;
  #worth = 0;

  /**
   * @param windowMaxMs see `gateway.flushWindowMaxMs`
   * @param work cheap to ask
   */
  constructor(
    clock: Pick<Clock, 'monotonic'>,
    windowMaxMs: number,
    work: () => LiveWork,
    read: () => LoopTimes = thisLoop,
  ) {
    this.#fetches = new LoopPressure(clock, FETCHES, read);
    this.#windows = new LoopPressure(clock, WINDOWS, read);
    this.#maxRestMs = windowMaxMs / REST_PART;
    this.#clock = clock;
    this.#work = work;
    this.#sampledAtMs = clock.monotonic();
  }

  /** How long fetches rest, ms. */
  get restMs(): number {
    return this.#fetches.value * this.#worthOf() * this.#maxRestMs;
  }

  /** How much windows grow, 0 to 1. */
  get pressure(): number {
    return this.#windows.value * this.#worthOf();
  }

  /** How much of all relief live work is worth, 0 to 1. */
  #worthOf(): number {
    const now = this.#clock.monotonic();
    const passedMs = now - this.#sampledAtMs;
    if (passedMs < SAMPLE_MS) return this.#worth;
    const { writes, records } = this.#work();
    const workMs = writes * MS_PER_WRITE + records * MS_PER_RECORD;
    this.#worth = Math.min(1, (workMs - this.#workMs) / passedMs / WORTH_ALL);
    this.#workMs = workMs;
    this.#sampledAtMs = now;
    return this.#worth;
  }
}
