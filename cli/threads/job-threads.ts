/**
 * Jobs handed out to threads one at a time, each thread a fresh one with its own memory and its own connections. The first failure ends
 * all of them.
 */
import { type MessagePort, Worker } from 'node:worker_threads';
import { errorOf, type Failure, failureOf, THREAD_LIMITS, threadScript } from './thread.ts';

export interface JobThreads<Job, Told> {
  /** Name of the thread's program in this folder. */
  readonly script: string;
  /** What every thread is started with. */
  readonly setting: unknown;
  readonly jobs: readonly Job[];
  /** At most so many at a time. */
  readonly threads: number;
  /** What a job says while it runs. */
  readonly onTold?: (job: Job, told: Told) => void;
}

type Answer<Result, Told> = { readonly result: Result } | { readonly told: Told } | { readonly failed: Failure };

/** The results in the order of the jobs. Throws what a job threw. */
export async function onThreads<Job, Result, Told>(options: JobThreads<Job, Told>): Promise<Result[]> {
  const { jobs, threads, setting, onTold } = options;
  const results: Result[] = [];
  let next = 0;
  const workers = Array.from({ length: Math.min(threads, jobs.length) }, () => {
    return new Worker(threadScript(options.script), { workerData: setting, resourceLimits: THREAD_LIMITS });
  });
  const work = (worker: Worker): Promise<void> =>
    new Promise((resolve, reject) => {
      let job = -1;
      const handOut = (): void => {
        if (next >= jobs.length) {
          resolve();
          return;
        }
        job = next++;
        worker.postMessage(jobs[job]);
      };
      worker.on('message', (answer: Answer<Result, Told>) => {
        if ('told' in answer) onTold?.(jobs[job] as Job, answer.told);
        else if ('failed' in answer) reject(errorOf(answer.failed));
        else {
          results[job] = answer.result;
          handOut();
        }
      });
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`a thread ended with ${code} before its work was done`)));
      handOut();
    });
  try {
    await Promise.all(workers.map(work));
    return results;
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** The other side, in the thread: one job after the other. */
export function serveJobs<Job, Result, Told>(
  port: MessagePort,
  run: (job: Job, tell: (told: Told) => void) => Promise<Result>,
): void {
  const post = (answer: Answer<Result, Told>): void => port.postMessage(answer);
  port.on('message', (job: Job) => {
    run(job, (told) => post({ told })).then(
      (result) => post({ result }),
      (thrown: unknown) => post({ failed: failureOf(thrown) }),
    );
  });
}
