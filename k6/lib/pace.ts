/** When a client's events in a room are due. */
import type { Schedule } from './schedule.ts';

export interface Pace {
  firstDueMs(schedule: Schedule): number;
  /** From one to the next. */
  gapMs(): number;
  /** None is due from then on. */
  untilMs(schedule: Schedule): number;
  /** At most so many. */
  readonly limit: number;
  /** When the one that ends the room is due. */
  endMs(schedule: Schedule): number;
}

/** So many at once. */
export function burst(events: number): Pace {
  return {
    firstDueMs: ({ loadFromMs }) => loadFromMs,
    gapMs: () => 0,
    untilMs: () => Number.POSITIVE_INFINITY,
    limit: events,
    endMs: ({ loadFromMs }) => loadFromMs,
  };
}

/** As a clock does, each publisher at a moment of its own. */
export function steady(gapMs: number): Pace {
  return {
    firstDueMs: ({ loadFromMs }) => loadFromMs + Math.random() * gapMs,
    gapMs: () => gapMs,
    untilMs: ({ loadToMs }) => loadToMs,
    limit: Number.POSITIVE_INFINITY,
    endMs: ({ loadToMs }) => loadToMs,
  };
}

/** After the others' last events, time for those to arrive before the room's end. */
const LAST_WORDS_MS = 1_000;

/** As people do: by chance, so often on average. */
export function byChance(meanGapMs: number): Pace {
  const gapMs = (): number => exponential(meanGapMs);
  return {
    firstDueMs: ({ loadFromMs }) => loadFromMs + gapMs(),
    gapMs,
    untilMs: ({ loadToMs }) => loadToMs,
    limit: Number.POSITIVE_INFINITY,
    endMs: ({ loadToMs }) => loadToMs + LAST_WORDS_MS,
  };
}

export function exponential(mean: number): number {
  return -Math.log(1 - Math.random()) * mean;
}
