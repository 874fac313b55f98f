/** What the bench of the sequencer says of its rounds: rows, and the goals of P4. */
import { type BenchGoal, type BenchRow, rowOf } from '../support/result.ts';
import { countRounds, type Played } from '../support/rounds.ts';

/** The second one is a sequencer on the other Kafka client: only where asked for, see ADR 0019. */
export const ROOMLOGS = { roomlog: 'kafkajs', 'roomlog on platformatic': 'platformatic' } as const;
export type Side = keyof typeof ROOMLOGS | 'group loop' | 'best loop';

const PER_CPU_SECOND = 'events per CPU-second';

export interface Round {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  /** CPU of its main thread an event, µs. */
  readonly mainMicros: number;
  /** And of V8's threads, which collect and compile. */
  readonly helperMicros: number;
  readonly stallMs: number | null;
  readonly rssBytes: number | null;
  readonly brokers: number;
  readonly stolen: number;
  readonly reasons: readonly string[];
}

export interface Rounds {
  /** What all rows are of. */
  readonly about: string;
  readonly sides: readonly Side[];
  readonly played: ReadonlyMap<Side, Played<Round>>;
  /** Events per CPU-second of each of Kafka's tools; null: not taken. */
  readonly java: Readonly<Record<string, number>> | null;
}

export function resultOf({ about, sides, played, java }: Rounds) {
  const rounds = (side: Side) => played.get(side)?.valid ?? [];
  const row = (side: string, metric: string, unit: string, values: readonly number[], digits?: number) =>
    rowOf({ case: about, side, metric, unit }, values, digits);
  const rows: BenchRow[] = [];
  for (const side of sides) {
    const of = (pick: (round: Round) => number) => rounds(side).map(pick);
    const [perCpuSecond, perSecond] = [of((one) => one.perCpuSecond), of((one) => one.perSecond)];
    rows.push(
      row(side, PER_CPU_SECOND, 'events', perCpuSecond, 0),
      row(side, 'events per second', 'events/s', perSecond, 0),
      row(
        side,
        'CPU of the main thread, an event',
        'µs',
        of((one) => one.mainMicros),
      ),
      row(
        side,
        'CPU of V8’s other threads, an event',
        'µs',
        of((one) => one.helperMicros),
      ),
    );
  }
  for (const [tool, perCpuSecond] of Object.entries(java ?? {})) {
    rows.push(row(tool, PER_CPU_SECOND, 'events', [perCpuSecond], 0));
  }
  const stallsMs = rounds('roomlog').map(({ stallMs }) => stallMs ?? 0);
  const stalls = row('roomlog', 'longest event-loop stall', 'ms', stallsMs);
  rows.push(stalls);
  const perCpu = (side: Side) =>
    rows.find((one) => one.side === side && one.metric === PER_CPU_SECOND)?.median ?? Number.NaN;
  const ratio = (side: Side) => Math.round((perCpu('roomlog') / perCpu(side)) * 100) / 100;
  return {
    ...countRounds(played.values()),
    rows,
    goals: [
      {
        figure: 'P4',
        what: 'events per CPU-second, against the group loop',
        value: ratio('group loop'),
        unit: '×',
        atLeast: 1,
      },
      {
        figure: 'P4',
        what: 'events per CPU-second, against the best loop',
        value: ratio('best loop'),
        unit: '×',
        atLeast: 0.8,
      },
      { figure: 'P4', what: 'longest event-loop stall', value: stalls.median, unit: 'ms', atMost: 50 },
    ].filter(({ value }): boolean => Number.isFinite(value)) as BenchGoal[],
    detail: Object.fromEntries(played),
  };
}
