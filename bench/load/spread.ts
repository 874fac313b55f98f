/** P3's load for Roomlog: spread over as many load processes as it takes, as if it were one. */
import { summarise } from '../support/latency.ts';
import type { LoadResult, RoomsJob } from './messages.ts';
import { runLoad } from './run.ts';

/** A load process receives no more than this many events a second. */
const RECEIVED_PER_PROCESS = 25_000;
export const EVENTS_PER_ROOM = 20;

/** Rates and counts of all processes together. Each publishes and receives for rooms of its own, so that one clock stamps and reads. */
export interface SpreadJob extends Omit<RoomsJob, 'token' | 'rooms' | 'keepSamples'> {
  /** Of a user of its own for each process. */
  readonly token: (user: string) => string;
}

/** How many processes share a load. */
export const processesFor = (perSecond: number, membersPerRoom: number): number =>
  Math.max(1, Math.ceil((perSecond * membersPerRoom) / RECEIVED_PER_PROCESS));

/** @param seconds how long it is expected to send. A trace is kept of the first process's events only. `loadCpu` is the busiest's. */
export async function runSpread({ token, traceFile, ...job }: SpreadJob, seconds: number): Promise<LoadResult> {
  const processes = processesFor(job.perSecond, job.membersPerRoom);
  const perSecond = job.perSecond / processes;
  const results = await Promise.all(
    Array.from({ length: processes }, (_, number) => {
      const part: RoomsJob = {
        ...job,
        perSecond,
        warmUpEvents: Math.round(job.warmUpEvents / processes),
        events: Math.round(job.events / processes),
        token: token(`bench-${number}`),
        rooms: Math.max(1, Math.round(perSecond / EVENTS_PER_ROOM)),
        keepSamples: true,
        ...(number === 0 && traceFile !== undefined && { traceFile }),
      };
      return runLoad('rooms.ts', part, seconds);
    }),
  );
  const all = (pick: (result: LoadResult) => readonly number[] | undefined) =>
    results.flatMap((one) => pick(one) ?? []);
  return {
    delivered: summarise(all(({ samples }) => samples?.delivered)),
    acked: summarise(all(({ samples }) => samples?.acked)),
    lost: results.reduce((sum, { lost }) => sum + lost, 0),
    loadCpu: Math.max(...results.map(({ loadCpu }) => loadCpu)),
  };
}
