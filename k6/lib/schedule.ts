/** When what happens in a run: made once, in `setup`, and followed by all VUs on the one clock of k6's machine. */

/** All ms since the Unix epoch. */
export interface Schedule {
  /** The run's name, and part of its rooms' names. */
  readonly run: string;
  /** Clients connect from here, evenly, … */
  readonly connectFromMs: number;
  /** … to here. */
  readonly connectToMs: number;
  /** Publishers publish from here … */
  readonly loadFromMs: number;
  /** … to here. */
  readonly loadToMs: number;
  /** Who still misses something by then has lost it. */
  readonly deadlineMs: number;
}

export interface Phases {
  readonly rampMs: number;
  readonly durationMs: number;
  readonly drainMs: number;
}

/** For the VUs to begin together. */
const LEAD_MS = 300;
/** From the last client's connecting to the first publish. */
export const SETTLE_MS = 700;

export function makeSchedule({ rampMs, durationMs, drainMs }: Phases, nowMs: number): Schedule {
  const connectFromMs = nowMs + LEAD_MS;
  const connectToMs = connectFromMs + rampMs;
  const loadFromMs = connectToMs + SETTLE_MS;
  const loadToMs = loadFromMs + durationMs;
  return {
    run: nowMs.toString(36),
    connectFromMs,
    connectToMs,
    loadFromMs,
    loadToMs,
    deadlineMs: loadToMs + drainMs,
  };
}

/** How long the whole may take. */
export function longestMs({ rampMs, durationMs, drainMs }: Phases): number {
  return LEAD_MS + rampMs + SETTLE_MS + durationMs + drainMs;
}
