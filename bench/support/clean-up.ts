/** What has to be done however a bench ends. */
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Calls `cleanUp` on a signal, and on an error that nobody caught: half of a bench runs beside what it awaits. Then the process ends as it would have.
 * @param cleanUp nobody waits for its promises
 * @returns takes it back, once the bench has come to its own end
 */
export function cleanUpOnAnyEnd(cleanUp: () => void): () => void {
  const onSignal = (signal: (typeof SIGNALS)[number]): void => {
    cleanUp();
    process.exit(128 + constants.signals[signal]);
  };
  for (const signal of SIGNALS) process.once(signal, onSignal);
  process.once('uncaughtExceptionMonitor', cleanUp);
  return () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
    process.off('uncaughtExceptionMonitor', cleanUp);
  };
}
