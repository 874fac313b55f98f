/** One sequencer goes and comes back; what its partitions and those of the others saw of it. */
import { setTimeout as delay } from 'node:timers/promises';
import { round } from '../support/latency.ts';
import type { SequencerProcess } from '../support/sequencer-process.ts';
import type { Load, Sequenced } from './sequenced.ts';

export interface Run {
  readonly victim: string;
  /** For each partition that it had: from the signal to the first event under another claim. */
  readonly takeoverMs: readonly number[];
  /** The longest time from publish to sequenced in its partitions meanwhile. */
  readonly pauseMs: number;
  /** The same in the partitions of the others, from the signal until a second after the last takeover. */
  readonly keptMs: number;
  /** Read in that time. */
  readonly claims: number;
  /** The same when it came back and was given partitions again. */
  readonly back: { readonly movedMs: number; readonly keptMs: number; readonly claims: number };
}

const TAKEN_WITHIN_MS = 60_000;
/** Also the time after which an event that is late is counted. */
const SETTLE_MS = 1_000;

export async function measure(
  load: Load,
  victim: SequencerProcess,
  signal: NodeJS.Signals,
  balanced: () => Promise<unknown>,
): Promise<Run> {
  const had = new Set((await victim.health()).owned ?? []);
  const claimsBefore = load.claims.length;
  const from = load.sequenced.length;
  const epochs = epochsOf(load, from);
  const signalledAt = performance.now();
  const gone = victim.end(signal);
  const takenAt = await taken(load, had, from, epochs, signalledAt);
  await gone;
  await delay(SETTLE_MS);
  const during = load.sequenced.slice(from).filter(({ publishedAt }) => publishedAt >= signalledAt);
  const claims = load.claims.length - claimsBefore;

  const backFrom = load.sequenced.length;
  const backClaims = load.claims.length;
  const startedAt = performance.now();
  victim.start();
  await balanced();
  await delay(SETTLE_MS);
  const after = load.sequenced.slice(backFrom).filter(({ publishedAt }) => publishedAt >= startedAt);
  const moved = new Set(load.claims.slice(backClaims).map(({ partition }) => partition));
  return {
    victim: victim.name,
    takeoverMs: [...takenAt.values()].map((at) => round(at - signalledAt)),
    pauseMs: longest(during.filter(({ partition }) => had.has(partition))),
    keptMs: longest(during.filter(({ partition }) => !had.has(partition))),
    claims,
    back: {
      movedMs: longest(after.filter(({ partition }) => moved.has(partition))),
      keptMs: longest(after.filter(({ partition }) => !moved.has(partition))),
      claims: load.claims.length - backClaims,
    },
  };
}

/** The claim under which each partition's newest event stands. */
function epochsOf(load: Load, before: number): Map<number, number> {
  const epochs = new Map<number, number>();
  for (const { partition, epoch } of load.sequenced.slice(0, before)) epochs.set(partition, epoch);
  return epochs;
}

/** When each of the partitions had its first event under another claim. Throws if that takes too long. */
async function taken(
  load: Load,
  partitions: ReadonlySet<number>,
  from: number,
  epochs: ReadonlyMap<number, number>,
  since: number,
): Promise<Map<number, number>> {
  const takenAt = new Map<number, number>();
  for (let at = from; takenAt.size < partitions.size; ) {
    for (; at < load.sequenced.length; at++) {
      const { partition, epoch, arrivedAt } = load.sequenced[at] as Sequenced;
      if (!partitions.has(partition) || takenAt.has(partition) || epoch === epochs.get(partition)) continue;
      takenAt.set(partition, arrivedAt);
    }
    if (performance.now() - since > TAKEN_WITHIN_MS)
      throw new Error(`${partitions.size - takenAt.size} partitions were not taken over`);
    await delay(5);
  }
  return takenAt;
}

const longest = (events: readonly Sequenced[]) =>
  round(events.reduce((most, { arrivedAt, publishedAt }) => Math.max(most, arrivedAt - publishedAt), 0));
