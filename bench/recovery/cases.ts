/** What taking a partition over was like, at one size of the log, and how a result says it. */
import { type BenchGoal, type BenchRow, rowOf } from '../support/result.ts';
import { countRounds } from '../support/rounds.ts';

export interface Recovery {
  /** From the partition's assignment to the first new record in outbound. */
  readonly recoveryMs: number;
  /** Processor time of it. */
  readonly usedCpuMs: number;
  /** The part until the snapshot was loaded. */
  readonly loadingMs: number;
  /** The longest time that the event loop stood. */
  readonly stallMs: number;
  readonly stolen: number;
}

export interface Case {
  readonly eventsInLog: number;
  readonly publishesPerSession: number;
  readonly snapshot: {
    readonly bytes: number;
    readonly tookMs: number;
    readonly stallMs: number;
    /** What the machine does to a process that does nothing. */
    readonly idleStallMs: number;
  };
  readonly recoveries: readonly Recovery[];
  readonly thrownAway: readonly Recovery[];
  readonly without: Recovery | null;
}

const RECOVERY_GOAL_MS = 5_000;
const STALL_GOAL_MS = 50;

export function resultOf(cases: readonly Case[]): {
  readonly rounds: number;
  readonly voidRounds: number;
  readonly rows: readonly BenchRow[];
  readonly goals: readonly BenchGoal[];
  readonly notes: readonly string[];
  readonly detail: readonly Case[];
} {
  const all = cases.flatMap(({ recoveries }) => recoveries);
  const worst = (pick: (one: Recovery) => number) => Math.max(...all.map(pick));
  return {
    ...countRounds(cases.map(({ recoveries, thrownAway }) => ({ valid: recoveries, void: thrownAway }))),
    rows: cases.flatMap(rowsOf),
    goals: [
      {
        figure: 'issue',
        what: 'partition taken over, the longest of all rounds',
        value: worst(({ recoveryMs }) => recoveryMs),
        unit: 'ms',
        atMost: RECOVERY_GOAL_MS,
      },
      {
        figure: 'issue',
        what: 'longest event-loop stall of all takeovers',
        value: worst(({ stallMs }) => stallMs),
        unit: 'ms',
        atMost: STALL_GOAL_MS,
      },
    ],
    notes: ['A takeover is counted from the assignment of the partition to the first new record in outbound.'],
    detail: cases,
  };
}

function rowsOf({ eventsInLog, publishesPerSession, recoveries, snapshot, without }: Case): BenchRow[] {
  const name = `${eventsInLog.toLocaleString('en')} events in the log, ${publishesPerSession} publishes a session`;
  const row = (metric: string, unit: string, values: readonly number[], side = 'with snapshot') =>
    rowOf({ case: name, side, metric, unit }, values);
  const picked = (pick: (one: Recovery) => number) => recoveries.map(pick);
  return [
    row(
      'takeover',
      'ms',
      picked(({ recoveryMs }) => recoveryMs),
    ),
    row(
      'CPU of a takeover',
      'ms',
      picked(({ usedCpuMs }) => usedCpuMs),
    ),
    row(
      'of which loading the snapshot',
      'ms',
      picked(({ loadingMs }) => loadingMs),
    ),
    row(
      'longest event-loop stall',
      'ms',
      picked(({ stallMs }) => stallMs),
    ),
    row('snapshot', 'bytes', [snapshot.bytes]),
    row('writing the snapshot', 'ms', [snapshot.tookMs]),
    ...(without === null ? [] : [row('takeover', 'ms', [without.recoveryMs], 'without snapshot')]),
  ];
}
