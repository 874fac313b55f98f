/** The one way in which tests and fault runs wait: for a condition, with a limit, and with words for a failure. */
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 20;
const WITHIN_MS = 10_000;

export interface WaitOptions {
  readonly withinMs?: number;
  /** What is waited for, in the message of a failure. */
  readonly what?: string;
  readonly pollMs?: number;
}

/**
 * Asks until the answer is neither undefined, null nor false, and returns it. A throwing question counts as not yet; where time is over, its error is
 * the cause of the one that is thrown.
 */
export async function waitFor<T>(
  question: () => T | Promise<T>,
  { withinMs = WITHIN_MS, what = 'the condition', pollMs = POLL_MS }: WaitOptions = {},
): Promise<Exclude<T, undefined | null | false>> {
  const deadline = performance.now() + withinMs;
  let problem: unknown;
  for (;;) {
    try {
      const answer = await question();
      if (answer !== undefined && answer !== null && answer !== false) {
        return answer as Exclude<T, undefined | null | false>;
      }
    } catch (error) {
      problem = error;
    }
    if (performance.now() > deadline)
      throw new Error(`${what} did not come true within ${withinMs} ms`, { cause: problem });
    await delay(pollMs);
  }
}
