/** How long a worker that ended is left alone before it is started again. */

export const FIRST_DELAY_MS = 250;
export const MAX_DELAY_MS = 30_000;
/** Having served for this long, a worker's end counts as its first. */
export const STABLE_AFTER_MS = 60_000;

/** @param endsInARow how often it ended without having been stable, this time included; from 1 */
export function restartDelayMs(endsInARow: number): number {
  return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(endsInARow - 1, 16));
}
