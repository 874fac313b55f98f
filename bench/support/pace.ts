/**
 * Calls `send(index, intendedAt)` at a fixed rate by the clock, never by the answers: what falls behind is sent late, and its latency
 * counts from the moment it should have been sent (correction for coordinated omission). `intendedAt` is on the
 * performance.now() scale, ms. Resolves after `count` calls, or once `isOver` says so.
 */
export function pace(
  perSecond: number,
  count: number,
  send: (index: number, intendedAt: number) => void,
  isOver: () => boolean = () => false,
): Promise<void> {
  const started = performance.now();
  const periodMs = 1000 / perSecond;
  let index = 0;
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      for (; index < count && started + index * periodMs <= now; index++) send(index, started + index * periodMs);
      if (index < count && !isOver()) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
}
