/** Time as a port, so that `core` runs under a seeded simulator. */
export interface Clock {
  /** Wall clock, ms since the Unix epoch. */
  now(): number;
  /** Never goes back; ms since an arbitrary start. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
