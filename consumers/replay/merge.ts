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
}

export async function* mergeByTime<Batch extends TimedBatch>(
  sources: ReadonlyArray<AsyncIterable<Batch>>,
): AsyncGenerator<MergedRun<Batch>> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  try {
    // All first portions at once; later ones as they are used up.
    const first = await Promise.all(iterators.map(next));
    let live: Source<Batch>[] = [];
    for (const [index, batch] of first.entries()) {
      if (batch !== null) live.push({ iterator: iterators[index] as AsyncIterator<Batch>, batch, at: 0 });
    }
    while (live.length > 0) {
      const { source, until, ties } = earliest(live);
      const { times } = source.batch;
      const from = source.at;
      let to = from + 1;
      while (to < times.length && ((times[to] as number) < until || (ties && times[to] === until))) to++;
      source.at = to;
      yield { batch: source.batch, from, to };
      if (to < times.length) continue;
      const batch = await next(source.iterator);
      if (batch === null) live = live.filter((one) => one !== source);
      else Object.assign(source, { batch, at: 0 });
    }
  } finally {
    await Promise.all(iterators.map((iterator) => iterator.return?.()));
  }
}

/** The next batch that holds anything; null at the end. */
async function next<Batch extends TimedBatch>(iterator: AsyncIterator<Batch>): Promise<Batch | null> {
  for (;;) {
    const { done, value } = await iterator.next();
    if (done === true) return null;
    if (value.times.length > 0) return value;
  }
}

/** Whose turn it is, and up to which time: the next one's, and with it only where this one comes first at the same time. */
function earliest<Batch extends TimedBatch>(
  live: ReadonlyArray<Source<Batch>>,
): { readonly source: Source<Batch>; readonly until: number; readonly ties: boolean } {
  let best = 0;
  let bestTime = Number.POSITIVE_INFINITY;
  let second = -1;
  let until = Number.POSITIVE_INFINITY;
  for (const [index, { batch, at }] of live.entries()) {
    const time = batch.times[at] as number;
    if (time < bestTime) {
      [second, until] = [best, bestTime];
      [best, bestTime] = [index, time];
    } else if (time < until) {
      [second, until] = [index, time];
    }
  }
  return { source: live[best] as Source<Batch>, until, ties: best < second };
}
