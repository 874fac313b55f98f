/**
 * What a gateway does about a busy event loop, in two steps, dearer ones last:
 *
 *     from 60 % on   fetches rest: what comes meanwhile shares one, and its writes follow each other closely
 *     from 75 % on   windows grow: events of a room share writes (window.ts)
 *
 * Both begin well before the loop is behind: a queue before a loop that is nine tenths busy costs more latency than either, and what is left is for
 * bursts. A rest takes little of an event's time, and pays whatever the rooms; a window takes more, and pays only where rooms are hot enough to fill it.
 */
import type { Clock } from '../../core/ports/clock.ts';
import { LoopPressure, type LoopTimes, thisLoop } from './loop-pressure.ts';

const FETCHES = { busy: 0.6, atEase: 0.5 };
const WINDOWS = { busy: 0.75, atEase: 0.7 };
/** A rest is at most this part of the longest window. */
const REST_PART = 3;

export class LoopRelief {
  readonly #fetches: LoopPressure;
  readonly #windows: LoopPressure;
  readonly #maxRestMs: number;

  /** @param windowMaxMs see `gateway.flushWindowMaxMs` */
  constructor(clock: Pick<Clock, 'monotonic'>, windowMaxMs: number, read: () => LoopTimes = thisLoop) {
    this.#fetches = new LoopPressure(clock, FETCHES, read);
    this.#windows = new LoopPressure(clock, WINDOWS, read);
    this.#maxRestMs = windowMaxMs / REST_PART;
  }

  /** How long fetches rest, ms. */
  get restMs(): number {
    return this.#fetches.value * this.#maxRestMs;
  }

  /** How much windows grow, 0 to 1. */
  get pressure(): number {
    return this.#windows.value;
  }
}
