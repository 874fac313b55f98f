/** Runs a server until it is told to stop. */

/** How long a stop may take before the process ends anyway, ms. Longer than the longest drain window in use. */
const STOP_TIMEOUT_MS = 60_000;

/**
 * Resolves when the server has stopped after the first SIGTERM or SIGINT. A second signal, or `STOP_TIMEOUT_MS`, ends the process
 * at once.
 */
export async function serveUntilSignal(server: { stop(): Promise<void> }): Promise<void> {
  await new Promise<void>((resolve) => {
    let stopping = false;
    const onSignal = () => {
      if (stopping) process.exit(1);
      stopping = true;
      resolve();
    };
    process.on('SIGTERM', onSignal);
    process.on('SIGINT', onSignal);
  });
  const deadline = setTimeout(() => process.exit(1), STOP_TIMEOUT_MS);
  await server.stop();
  clearTimeout(deadline);
}
