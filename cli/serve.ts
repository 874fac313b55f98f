/** Runs a server until it is told to stop. */

/**
 * Resolves when the server has stopped after the first SIGTERM or SIGINT, which may also come while it starts. A second
 * signal ends the process at once, and so does a stop that takes longer than `stopTimeoutMs`. Rejects where it could not start.
 */
export async function serveUntilSignal(
  starting: Promise<{ stop(): Promise<void> }>,
  stopTimeoutMs: number,
): Promise<void> {
  const signalled = new Promise<'signalled'>((resolve) => {
    let stopping = false;
    const onSignal = () => {
      if (stopping) process.exit(1);
      stopping = true;
      setTimeout(() => process.exit(1), stopTimeoutMs).unref();
      resolve('signalled');
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  const first = await Promise.race([starting, signalled]);
  // Nothing is served yet, and what waits for Kafka or the registry may wait for long: the caller ends the process.
  if (first === 'signalled') return;
  await signalled;
  await first.stop();
}
