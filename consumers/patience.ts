/** Trying again what heals by itself: a broker or the registry that is away. */
import { asRoomlogError, type RoomlogError } from '../core/errors.ts';

/** First pause between two tries, and the longest. */
export const FIRST_PAUSE_MS = 50;
export const LONGEST_PAUSE_MS = 2_000;

/** The pause before try number `attempt` (1, 2, …): doubled each time up to the longest. */
export function pauseMs(attempt: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt - 1, 10));
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms).unref();
  });
}

export interface Patience {
  /** Asked before every further try; false gives up and throws what the last try threw. */
  readonly goOn: () => boolean;
  /** Which errors are worth another try. Default: those that the table calls retryable. */
  readonly worthRetrying?: (error: RoomlogError) => boolean;
  readonly onRetry?: (error: RoomlogError, attempt: number) => void;
}

/** Runs `work` until it succeeds. Throws a RoomlogError that is not worth another try. */
export async function patiently<T>(work: () => Promise<T>, patience: Patience): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'kafka_unreachable');
      const worthIt = patience.worthRetrying?.(error) ?? error.definition.retryable;
      if (!worthIt || !patience.goOn()) throw error;
      patience.onRetry?.(error, attempt);
    }
    await pause(pauseMs(attempt));
  }
}
