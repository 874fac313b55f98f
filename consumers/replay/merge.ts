/** Merges partitions' events by log time, which never goes back within a partition; the lower partition first at the same time. */

/** What a partition brings at a time: something with a time for each of its events, ascending. */
export interface TimedBatch {
  readonly times: ArrayLike<number>;
}

/** Events of one batch that come one after the other in the merged order: from `from` up to, not including, `to`. */
export interface MergedRun<Batch> {
  readonly batch: Batch;
  readonly from: number;
  readonly to: number;
}

interface Source<Batch> {
  readonly iterator: AsyncIterator<Batch>;
  batch: Batch;
  at: number;
  /** Of the event at `at`. */
  time: number;
}

/** Runs are a few events long where partitions are written side by side, so waiting for each of them would be most of the work. */
const MAX_RUNS = 1_024;

/** The runs in their order, as many at a time as can be told without waiting for a source, up to a thousand. */
export async function* mergeByTime<Batch extends TimedBatch>(
  sources: ReadonlyArray<AsyncIterable<Batch>>,
): AsyncGenerator<ReadonlyArray<MergedRun<Batch>>> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  try {
    // All first portions at once; later ones as they are used up.
    const first = await Promise.all(iterators.map(next));
    let live: Source<Batch>[] = [];
    for (const [index, batch] of first.entries()) {
      if (batch === null) continue;
      live.push({ iterator: iterators[index] as AsyncIterator<Batch>, batch, at: 0, time: batch.times[0] as number });
    }
    while (live.length > 0) {
      const runs: MergedRun<Batch>[] = [];
      const usedUp = takeRuns(live, runs);
      yield runs;
      if (usedUp === null) continue;
      const batch = await next(usedUp.iterator);
      if (batch === null) live = live.filter((one) => one !== usedUp);
      else Object.assign(usedUp, { batch, at: 0, time: batch.times[0] as number });
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

/** The source whose batch has come to its end; null where there are runs enough. */
function takeRuns<Batch extends TimedBatch>(
  live: readonly Source<Batch>[],
  runs: MergedRun<Batch>[],
): Source<Batch> | null {
  while (runs.length < MAX_RUNS) {
    const source = earliest(live);
    const { batch, at } = source;
    const { times } = batch;
    let to = at + 1;
    while (to < times.length && ((times[to] as number) < until || (ties && times[to] === until))) to++;
    runs.push({ batch, from: at, to });
    if (to === times.length) return source;
    source.at = to;
    source.time = times[to] as number;
  }
  return null;
}

/** The next batch that holds anything; null at the end. */
async function next<Batch extends TimedBatch>(iterator: AsyncIterator<Batch>): Promise<Batch | null> {
  for (;;) {
    const { done, value } = await iterator.next();
    if (done === true) return null;
    if (value.times.length > 0) return value;
  }
}

/** How far the earliest source may go: to the time of the next one, and with it only where it comes first at the same time. */
let until = 0;
let ties = false;

/** Whose turn it is; sets `until` and `ties`. */
function earliest<Batch>(live: readonly Source<Batch>[]): Source<Batch> {
  let best = 0;
  let bestTime = Number.POSITIVE_INFINITY;
  let second = -1;
  until = Number.POSITIVE_INFINITY;
  for (let index = 0; index < live.length; index++) {
    const { time } = live[index] as Source<Batch>;
    if (time < bestTime) {
      second = best;
      until = bestTime;
      best = index;
      bestTime = time;
    } else if (time < until) {
      second = index;
      until = time;
    }
  }
  ties = best < second;
  return live[best] as Source<Batch>;
}
