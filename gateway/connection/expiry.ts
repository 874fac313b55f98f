/** Calls back at a moment of the wall clock, also one that is further away than a timer can count. */
import type { Clock } from '../../core/ports/clock.ts';

/** setTimeout takes no more. */
const MAX_TIMER_MS = 2_147_483_647;

export interface Expiring {
  onExpired(): void;
}

export class Expiry {
  readonly #clock: Clock;
  readonly #owner: Expiring;
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: Clock, owner: Expiring) {
    this.#clock = clock;
    this.#owner = owner;
  }

  /** @param timeMs ms since the Unix epoch */
  at(timeMs: number): void {
    this.stop();
    const leftMs = Math.max(0, timeMs - this.#clock.now());
    const then = leftMs > MAX_TIMER_MS ? () => this.at(timeMs) : () => this.#owner.onExpired();
    this.#timer = setTimeout(then, Math.min(leftMs, MAX_TIMER_MS));
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
