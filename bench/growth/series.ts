/** What is grown, by which program, and what of its result is a cost: something that stays flat where growth is linear. */
import type { BenchResult } from '../support/result.ts';

export interface Series {
  /** As rows and the picture name it. */
  readonly name: string;
  /** Of `scripts/bench`. */
  readonly bench: string;
  /** Options at `scale` times the smallest size. */
  readonly args: (scale: number) => readonly string[];
  /** What the size is at a scale, for readers: `500 members`. */
  readonly size: (scale: number) => string;
  readonly unit: string;
  readonly cost: (result: BenchResult) => number;
}

/** Medians of one side's rows of a metric. Throws with the metrics that there are. */
function medians(result: BenchResult, side: string, metric: string): number[] {
  const found = result.rows.filter((row) => row.side === side && row.metric === metric).map((row) => row.median);
  if (found.length > 0) return found;
  const there = [...new Set(result.rows.map((row) => `${row.side}: ${row.metric}`))].join(', ');
  throw new Error(`${result.bench} has no "${metric}" of ${side}, but ${there}`);
}

const first = (result: BenchResult, side: string, metric: string): number => medians(result, side, metric)[0] as number;
/** Microseconds of processor time for one of what a rate counts by the CPU-second. */
const microsEach = (result: BenchResult, metric: string): number => 1e6 / first(result, 'roomlog', metric);
const times = (scale: number, size: number, what: string): string =>
  `${(scale * size).toLocaleString('en-GB')} ${what}`;

/** After the last stage: in a room. */
const last = (result: BenchResult, metric: string): number => medians(result, 'roomlog', metric).at(-1) as number;
const connectionArgs = (scale: number): readonly string[] => [
  ...['--connections', `${scale * 1_000}`, '--warm-up', '500', '--sides', 'roomlog', '--repeats', '1'],
];
const FAN_OUT = ['--contenders', 'roomlog', '--seconds', '5', '--repeats', '1'];

export const SERIES: readonly Series[] = [
  {
    name: 'P1 delivery, members of one room',
    bench: 'fan-out',
    size: (scale) => times(scale, 250, 'members'),
    args: (scale) => [...FAN_OUT, '--rooms', '1', '--members', `${scale * 250}`, '--rates', '200'],
    unit: 'µs CPU',
    cost: (result) => microsEach(result, 'deliveries per CPU-second'),
  },
  {
    name: 'P2 delivery, rooms of ten members',
    bench: 'fan-out',
    size: (scale) => times(scale, 100, 'rooms'),
    args: (scale) => [...FAN_OUT, '--rooms', `${scale * 100}`, '--members', '10', '--rates', '2000'],
    unit: 'µs CPU',
    cost: (result) => microsEach(result, 'deliveries per CPU-second'),
  },
  {
    name: 'P3 publish → delivered, events and rooms',
    bench: 'publish-delivered',
    size: (scale) => times(scale, 250, 'events/s'),
    args: (scale) => ['--cases', `${scale * 250}x10`, '--seconds', '4', '--repeats', '1', '--sides', 'roomlog'],
    unit: 'ms at p50',
    cost: (result) => first(result, 'roomlog', 'publish to delivered, p50'),
  },
  {
    name: 'P4 sequenced event, partitions',
    bench: 'many-rooms',
    size: (scale) => times(scale, 16, 'partitions'),
    args: (scale) => [
      ...['--partitions', `${scale * 16}`, '--rooms', '40000', '--scales', '1', '--events', '150000', '--rounds', '3'],
    ],
    unit: 'µs CPU',
    cost: (result) => first(result, 'roomlog', 'CPU per event'),
  },
  {
    name: 'P5 acked publish, connections',
    bench: 'inbound',
    size: (scale) => times(scale, 100, 'connections'),
    args: (scale) => [
      ...['--connections', `${scale * 100}`, '--rates', '3000', '--encodings', 'json', '--sides', 'roomlog'],
      ...['--seconds', '6', '--warm-up', '3', '--repeats', '1'],
    ],
    unit: 'µs CPU',
    cost: (result) => microsEach(result, 'acked publishes per CPU-second'),
  },
  {
    name: 'P6 memory of a connection in a room, connections',
    bench: 'connections',
    size: (scale) => times(scale, 1_000, 'connections'),
    args: connectionArgs,
    unit: 'KB of heap and buffers',
    cost: (result) => last(result, 'heap and buffers per connection'),
  },
  {
    name: 'P7 connection accepted, authenticated, joined, connections',
    bench: 'connections',
    size: (scale) => times(scale, 1_000, 'connections'),
    args: connectionArgs,
    unit: 'µs CPU',
    cost: (result) => last(result, 'CPU per connection'),
  },
  {
    name: 'recovery of a sequencer, rooms and sessions',
    bench: 'sequencer-recovery',
    size: (scale) => times(scale, 25_000, 'rooms'),
    args: (scale) => [
      ...['--sizes', `${scale * 100_000}`, '--rooms', `${scale * 25_000}`, '--sessions', `${scale * 12_500}`],
      ...['--tail', `${scale * 50_000}`, '--rounds', '1'],
    ],
    unit: 'µs CPU for each room',
    cost: (result) => {
      const rooms = Number(result.settings.rooms);
      return (first(result, 'with snapshot', 'CPU of a takeover') * 1_000) / rooms;
    },
  },
];

/** What a program of its own has already measured at several sizes: taken from its committed result. */
export interface MeasuredSeries {
  readonly name: string;
  /** Name of the result. */
  readonly result: string;
  /** The first number in the rows' cases is the size. */
  readonly metric: string;
  readonly unit: string;
}

export const MEASURED_SERIES: readonly MeasuredSeries[] = [
  { name: 'gateway: event to one of many rooms', result: 'gateway-rooms', metric: 'CPU per event', unit: 'µs CPU' },
  {
    name: 'gateway: memory of a room with a member',
    result: 'gateway-rooms',
    metric: 'heap and buffers per room with a member',
    unit: 'bytes',
  },
  { name: 'P4 sequenced event, rooms', result: 'many-rooms', metric: 'CPU per event', unit: 'µs CPU' },
  {
    name: 'P4 memory of a room in the sequencer, rooms',
    result: 'many-rooms',
    metric: 'memory per room, with a session',
    unit: 'bytes',
  },
];
