/** Merges partitions' events by log time, which never goes back within a partition; the lower partition first at the same time. */
import type { ReplayedEvent } from './partition-events.ts';

interface Source {
  readonly iterator: AsyncIterator<readonly ReplayedEvent[]>;
  events: readonly ReplayedEvent[];
  at: number;
}

export async function* mergeByTime(
  sources: ReadonlyArray<AsyncIterable<readonly ReplayedEvent[]>>,
): AsyncGenerator<ReplayedEvent> {
  const all: Source[] = sources.map((source) => ({ iterator: source[Symbol.asyncIterator](), events: [], at: 0 }));
  try {
    // All first portions at once; later ones as they are used up.
    const filled = await Promise.all(all.map(fill));
    let live = all.filter((_, index) => filled[index]);
    while (live.length > 0) {
      const source = earliest(live);
      yield source.events[source.at] as ReplayedEvent;
      source.at++;
      if (source.at === source.events.length && !(await fill(source))) live = live.filter((one) => one !== source);
    }
  } finally {
    await Promise.all(all.map(({ iterator }) => iterator.return?.()));
  }
}

/** False at the end. */
async function fill(source: Source): Promise<boolean> {
  for (;;) {
    const { done, value } = await source.iterator.next();
    if (done === true) return false;
    if (value.length === 0) continue;
    source.events = value;
    source.at = 0;
    return true;
  }
}

function earliest(live: readonly Source[]): Source {
  let best = live[0] as Source;
  for (const source of live) {
    if (timeOf(source) < timeOf(best)) best = source;
  }
  return best;
}

const timeOf = ({ events, at }: Source): number => events[at]?.time ?? Number.POSITIVE_INFINITY;
