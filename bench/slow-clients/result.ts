/** What the bench of slow clients says of its rounds: rows, and its goals. */
import type { Phase } from '../fan-out/messages.ts';
import type { Memory } from '../support/inspector.ts';
import { median, round } from '../support/latency.ts';
import { type BenchGoal, type BenchRow, rowOf } from '../support/result.ts';

const GOALS = { p99Factor: 1.25, growthPart: 0.05 };

/** What all rounds were played with. */
export interface Load {
  /** Healthy ones, and as many that stall. */
  readonly clients: number;
  readonly rooms: number;
  readonly perSecond: number;
  readonly payloadBytes: number;
  /** Of the minute beside the stalled ones. */
  readonly seconds: number;
}

export interface Watched {
  readonly phase: Phase;
  /** The gateway's resident memory, garbage included, MB: the highest, and every five seconds. */
  readonly rss: { readonly highest: number; readonly course: readonly number[] };
}

export interface Round {
  readonly alone: Watched;
  readonly falling: Watched;
  readonly beside: Watched;
  /** After full collections, when the minute after that begins, and when it ends. */
  readonly memory: { readonly begin: Memory; readonly end: Memory };
  /** Stalled members off the live path when the minute begins, and when it ends. */
  readonly behind: readonly [number, number];
  readonly void: readonly string[];
}

export const mb = (bytes: number): number => round(bytes / 2 ** 20);

export function rowsOf(valid: readonly Round[], { clients, rooms, perSecond, payloadBytes }: Load): BenchRow[] {
  const about = `${clients} healthy clients, ${perSecond} events/s of ${payloadBytes} bytes to ${rooms} rooms`;
  const sides = [
    ['alone', 'alone'],
    [`while ${clients} stalled ones fall behind`, 'falling'],
    [`beside ${clients} stalled ones`, 'beside'],
  ] as const;
  const moments = [
    [`beside ${clients} stalled ones, as the second minute begins`, 'begin'],
    [`beside ${clients} stalled ones, as the second minute ends`, 'end'],
  ] as const;
  const inUse = moments.flatMap(([side, moment]) => {
    const row = (metric: string, pick: (memory: Memory) => number): BenchRow =>
      rowOf(
        { case: about, side, metric, unit: 'MB' },
        valid.map(({ memory }) => mb(pick(memory[moment]))),
      );
    return [
      row('heap and buffers in use', ({ heapBytes }) => heapBytes),
      row('resident memory after collections', ({ residentBytes }) => residentBytes),
    ];
  });
  const played = sides.flatMap(([side, phase]) => {
    const row = (metric: string, unit: string, pick: (one: Watched) => number): BenchRow =>
      rowOf(
        { case: about, side, metric, unit },
        valid.map((one) => pick(one[phase])),
      );
    return [
      row('p99', 'ms', ({ phase: { deliveredMs } }) => deliveredMs.p99),
      row('p50', 'ms', ({ phase: { deliveredMs } }) => deliveredMs.p50),
      row('gateway CPU', 'cores', ({ phase: { serverCpu } }) => serverCpu),
      row('highest resident memory', 'MB', ({ rss }) => rss.highest),
      row('lost or out of order', 'events', ({ phase: { lost, outOfOrder } }) => lost + outOfOrder),
    ];
  });
  return [...played, ...inUse];
}

export function goalsOf(valid: readonly Round[], { clients, seconds }: Load): BenchGoal[] {
  const factor = valid.map(({ alone, beside }) => beside.phase.deliveredMs.p99 / alone.phase.deliveredMs.p99);
  const growth = (pick: (memory: Memory) => number): number =>
    round(median(valid.map(({ memory: { begin, end } }) => pick(end) / pick(begin) - 1)));
  const minute = `over ${seconds} s beside ${clients} stalled clients`;
  return [
    {
      figure: 'issue',
      what: `healthy clients’ p99 beside ${clients} stalled ones, against without`,
      value: round(median(factor)),
      unit: '×',
      atMost: GOALS.p99Factor,
    },
    {
      figure: 'issue',
      what: `growth of the gateway’s heap and buffers ${minute}`,
      value: growth(({ heapBytes }) => heapBytes),
      unit: '',
      atMost: GOALS.growthPart,
    },
    {
      figure: 'issue',
      what: `growth of its resident memory ${minute}`,
      value: growth(({ residentBytes }) => residentBytes),
      unit: '',
      atMost: GOALS.growthPart,
    },
  ];
}
