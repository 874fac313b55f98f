/** Asks workers over their admin ports: probes, health, metrics; and tells when one has stopped answering. */
import type { WorkerProcess } from './worker-process.ts';

export const ASK_TIMEOUT_MS = 5_000;
/** How often each worker is asked whether its event loop turns, and how long it may take to answer. */
const PACE = { everyMs: 5_000, withinMs: ASK_TIMEOUT_MS };
/** Times in a row without an answer after which a worker is killed: like the chart's liveness probe for a gateway alone. */
export const MAX_SILENCES = 6;

type Watched = Pick<WorkerProcess, 'adminUrl' | 'pid' | 'kill'>;

export interface WorkerAnswer {
  readonly ok: boolean;
  readonly text: string;
}

/** null where it has no port yet or does not answer in time. */
export async function askWorker(
  { adminUrl }: Pick<WorkerProcess, 'adminUrl'>,
  path: string,
  timeoutMs = ASK_TIMEOUT_MS,
): Promise<WorkerAnswer | null> {
  if (adminUrl === null) return null;
  try {
    const response = await fetch(`${adminUrl}${path}`, { signal: AbortSignal.timeout(timeoutMs) });
    return { ok: response.ok, text: await response.text() };
  } catch {
    return null;
  }
}

/** Kills workers that live and say nothing; they are started again. The returned function ends the watch. */
export function watchWorkers(workers: readonly Watched[], pace = PACE): () => void {
  const silences = new Map<Watched, { readonly pid: number | null; readonly count: number }>();
  const timer = setInterval(() => {
    for (const worker of workers) void look(worker);
  }, pace.everyMs);
  const look = async (worker: Watched): Promise<void> => {
    const { pid, adminUrl } = worker;
    if (adminUrl === null) return;
    const answer = await askWorker(worker, '/live', pace.withinMs);
    const before = silences.get(worker);
    const count = answer !== null ? 0 : before?.pid === pid ? before.count + 1 : 1;
    silences.set(worker, { pid, count });
    if (count < MAX_SILENCES || worker.pid !== pid) return;
    silences.delete(worker);
    worker.kill('its event loop does not turn');
  };
  return () => clearInterval(timer);
}
