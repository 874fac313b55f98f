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
  /** Over which memory is compared. */
  readonly memorySeconds: number;
}

export interface Watched {
  readonly phase: Phase;
  /** The gateway's resident memory, garbage included, MB: the highest, and every five seconds. */
  readonly rss: { readonly highest: number; readonly course: readonly number[] };
}

/** The healthy ones alone, and right after that beside stalled ones. */
export interface Pair {
  readonly alone: Watched;
  readonly falling: Watched;
  readonly beside: Watched;
  /** Why it does not count; empty where it does. */
  readonly void: readonly string[];
}

export interface Round {
  readonly pairs: readonly Pair[];
  /** After full collections, when the memory's phase begins, and when it ends. */
  readonly memory: { readonly begin: Memory; readonly end: Memory };
}

export const countsIn = (one: Pair): boolean => one.void.length === 0;

export const mb = (bytes: number): number => round(bytes / 2 ** 20);

export function rowsOf(valid: readonly Round[], { clients, rooms, perSecond, payloadBytes }: Load): BenchRow[] {
  const about = `${clients} healthy clients, ${perSecond} events/s of ${payloadBytes} bytes to ${rooms} rooms`;
  const sides = [
    ['alone', 'alone'],
    [`while ${clients} stalled ones fall behind`, 'falling'],
    [`beside ${clients} stalled ones`, 'beside'],
  ] as const;
  const moments = [
    [`beside ${clients} stalled ones, as the memory’s minute begins`, 'begin'],
    [`beside ${clients} stalled ones, as the memory’s minute ends`, 'end'],
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
  const compared = pairsThatCount(valid);
  const played = sides.flatMap(([side, phase]) => {
    const row = (metric: string, unit: string, pick: (one: Watched) => number): BenchRow =>
      rowOf(
        { case: about, side, metric, unit },
        compared.map((one) => pick(one[phase])),
      );
    return [
      row('p99', 'ms', ({ phase: { deliveredMs } }) => deliveredMs.p99),
      row('p50', 'ms', ({ phase: { deliveredMs } }) => deliveredMs.p50),
      row('gateway CPU', 'cores', ({ phase: { serverCpu } }) => serverCpu),
      row('stolen by the hypervisor', 'of all cores', ({ phase: { stolen } }) => stolen),
      row('highest resident memory', 'MB', ({ rss }) => rss.highest),
      row('lost or out of order', 'events', ({ phase: { lost, outOfOrder } }) => lost + outOfOrder),
    ];
  });
  const side = `beside ${clients} stalled ones, against alone just before`;
  const factors = rowOf({ case: about, side, metric: 'p99 factor', unit: '×' }, factorsOf(valid));
  return [...played, factors, ...inUse];
}

const pairsThatCount = (rounds: readonly Round[]): Pair[] => rounds.flatMap(({ pairs }) => pairs.filter(countsIn));

const factorsOf = (rounds: readonly Round[]): number[] =>
  pairsThatCount(rounds).map(({ alone, beside }) => round(beside.phase.deliveredMs.p99 / alone.phase.deliveredMs.p99));

/** Of an even number of values the less favourable of the two in the middle. */
const upperMedian = (values: readonly number[]): number => -median(values.map((value) => -value));

export function goalsOf(valid: readonly Round[], { clients, memorySeconds }: Load): BenchGoal[] {
  const growth = (pick: (memory: Memory) => number): number =>
    round(median(valid.map(({ memory: { begin, end } }) => pick(end) / pick(begin) - 1)));
  const minute = `over ${memorySeconds} s beside ${clients} stalled clients`;
  return [
    {
      figure: 'issue',
      what: `healthy clients’ p99 beside ${clients} stalled ones, against without`,
      value: upperMedian(factorsOf(valid)),
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
