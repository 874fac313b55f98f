/**
 * Jobs handed out to threads one at a time, each thread a fresh one with its own memory and its own connections. The first failure ends
 * all of them.
 */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { SchemaStore } from '../../core/ports/schema-store.ts';
import { startThread } from './start-thread.ts';
import { errorOf, type Failure, failureOf } from './thread.ts';

export interface JobThreads<Job, Told> {
  /** Name of the thread's program in this folder. */
  readonly script: string;
  /** What every thread is started with. */
  readonly setting: unknown;
  /** Looked up for the threads. */
  readonly schemas: SchemaStore;
  /** What there is to do; the threads start while it is found out. */
  readonly jobs: Promise<readonly Job[]>;
  readonly threads: number;
  /** What a job says while it runs. */
  readonly onTold?: (job: Job, told: Told) => void;
}

type Answer<Result, Told> = { readonly result: Result } | { readonly told: Told } | { readonly failed: Failure };

/** The results in the order of the jobs. Throws what a job threw. */
export async function onThreads<Job, Result, Told>(options: JobThreads<Job, Told>): Promise<Result[]> {
  const { script, setting, schemas, onTold } = options;
  const results: Result[] = [];
  let next = 0;
  const workers = Array.from({ length: options.threads }, () => startThread(script, setting, schemas));
  // A thread may fail before there is work for it.
  const failed = new Promise<never>((_, reject) => {
    for (const worker of workers) {
      worker.once('error', reject);
      worker.once('exit', (code) => reject(new Error(`a thread ended with ${code} before its work was done`)));
    }
  });
  const work = (worker: Worker, jobs: readonly Job[]): Promise<void> =>
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
      handOut();
    });
  try {
    const jobs = await Promise.race([options.jobs, failed]);
    await Promise.race([Promise.all(workers.map((worker) => work(worker, jobs))), failed]);
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
