/**
 * Reads the log behind anchors, and keeps what is accepted. All who need the same place share one read of it: they wait for one that is under way, find
 * what was read a moment ago, or begin one that ends where what is kept begins. Between two reads the event loop turns, and when they run
 * is up to `ReadOrder`.
 */
import type { Offset, Partition } from '../../core/ids.ts';
import type { Anchor } from '../../core/log/chain.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';
import { KeptStretches } from './kept-stretches.ts';
import type { LogEvent } from './log-event.ts';
import type { PartitionHistory } from './partition-history.ts';
import { ReadOrder } from './read-order.ts';
import { type PlannedRead, readStretch } from './read-stretch.ts';
import { Stretch, type TurnBudget } from './stretch.ts';

/** Bytes of records of a stretch, about: large, since what a fetch cuts off at its end is sent for nothing. */
const STRETCH_BYTES = 1_048_576;
/** So many stretches are read as one. */
const LONGEST_STRETCHES = 1.5;
/** A read of one record takes what is around it up to so many bytes: they cost no more. */
const LEAST_BYTES = 65_536;
/** What a record takes before any was folded or read. */
const FIRST_GUESS_BYTES = 400;
/** What its key and the batch format add to a record’s value, about. */
const KEY_BYTES = 32;
/** How much of the newest read's average goes into the guess. */
const GUESS_WEIGHT = 0.3;

export interface RangesOptions {
  readonly log: Pick<EventLog, 'readRange'>;
  readonly codec: Codec;
  readonly topic: string;
  readonly clock: Pick<Clock, 'monotonic'>;
  /** What judging and decoding may take of a turn. */
  readonly budget: TurnBudget;
  /** Bytes of records read per second, over all partitions. */
  readonly bytesPerSecond: number;
  /** Bytes of stretches kept for readers that come a moment later. */
  readonly cacheBytes: number;
  /** A stretch was read. */
  onRead(bytes: number): void;
  /** Somebody was given what another one read. */
  onShared(): void;
}

interface Reading {
  readonly from: Offset;
  readonly planned: number;
  readonly done: Promise<Stretch>;
}

export class Ranges {
  readonly #options: RangesOptions;
  readonly #order: ReadOrder;
  readonly #kept: KeptStretches;
  readonly #reading = new Map<Partition, Set<Reading>>();
  /** Bytes of a record, about. */
  readonly #guesses = new Map<Partition, number>();
  readonly #aborted = new AbortController();

  constructor(options: RangesOptions) {
    this.#options = options;
    this.#order = new ReadOrder(options);
    this.#kept = new KeptStretches(options.cacheBytes);
  }

  /** Reads that wait for their turn. */
  get waiting(): number {
    return this.#order.waiting;
  }

  /** Bytes kept, about. */
  get keptBytes(): number {
    return this.#kept.bytes;
  }

  /**
   * A stretch that covers `from`, up to what is folded at most; empty where `from` is the end of that. `upTo`: nobody needs what lies behind it. Throws
   * `offset_out_of_range` where retention has passed `from`, `fold_halted` where the log contradicts an anchor, `kafka_unreachable`,
   * `corrupt_record`, `unavailable`.
   */
  async read(view: PartitionHistory, from: Anchor, upTo: number = Number.POSITIVE_INFINITY): Promise<Stretch> {
    const stretch = await this.#find(view, from, upTo);
    // Thousands may have waited for it: they go on as the loop has room for them.
    const { budget } = this.#options;
    while (budget.spent()) await budget.turn();
    return stretch;
  }

  async #find(view: PartitionHistory, from: Anchor, upTo: number): Promise<Stretch> {
    const { partition } = view;
    for (;;) {
      if (view.position <= from.offset) return this.#empty(view, from);
      const kept = this.#kept.covering(partition, from.offset);
      if (kept !== undefined) {
        this.#options.onShared();
        return kept;
      }
      const underWay = [...(this.#reading.get(partition) ?? [])].find(
        (reading) => reading.from <= from.offset && from.offset < reading.planned,
      );
      if (underWay === undefined) return this.#begin(view, from, upTo);
      const stretch = await underWay.done;
      if (!stretch.covers(from.offset)) continue;
      this.#options.onShared();
      return stretch;
    }
  }

  /** About how many records of a partition make so many bytes. */
  recordsIn(view: PartitionHistory, bytes: number): number {
    return Math.max(1, Math.ceil(bytes / this.#recordBytes(view)));
  }

  /** What was read of a partition, or is being read, is not believed any more: nobody who comes later is given it. */
  forget(partition: Partition): void {
    this.#kept.forget(partition);
    this.#reading.delete(partition);
  }

  stop(): void {
    this.#aborted.abort();
    this.#order.stop();
  }

  #begin(view: PartitionHistory, from: Anchor, upTo: number): Promise<Stretch> {
    const { partition } = view;
    const others = this.#reading.get(partition) ?? new Set<Reading>();
    this.#reading.set(partition, others);
    const planned = this.#plan(view, from.offset, upTo, others);
    const bytes = Math.ceil((planned - from.offset) * this.#recordBytes(view));
    const isBelieved = (): boolean => this.#reading.get(partition) === others;
    const done = this.#order.run(partition, from.offset, bytes, () => this.#read({ view, from, bytes }, isBelieved));
    const reading = { from: from.offset, planned, done };
    others.add(reading);
    const over = (): boolean => others.delete(reading);
    done.then(over, over);
    return done;
  }

  /** The end of a read: where somebody else's begins, or the ring, or where it is long enough. */
  #plan(view: PartitionHistory, from: number, upTo: number, others: ReadonlySet<Reading>): number {
    const { partition, position } = view;
    const long = this.recordsIn(view, STRETCH_BYTES);
    const least = from + this.recordsIn(view, LEAST_BYTES);
    let planned = Math.min(position, Math.max(upTo, least), this.#kept.beginAbove(partition, from));
    for (const other of others) if (other.from > from) planned = Math.min(planned, other.from);
    // What the ring holds, it has of all rooms.
    const held = view.ring.oldest ?? 0;
    if (held > from) planned = Math.min(planned, held);
    // A short rest is read with it.
    if (planned - from > long * LONGEST_STRETCHES) planned = from + long;
    return Math.max(planned, from + 1);
  }

  async #read(planned: PlannedRead, isBelieved: () => boolean): Promise<Stretch> {
    const { log, codec, topic, budget, onRead } = this.#options;
    const signal = this.#aborted.signal;
    const { stretch, records, bytes, wireBytes } = await readStretch(planned, { log, codec, topic, budget, signal });
    onRead(bytes);
    const { partition } = planned.view;
    if (records > 0) {
      const guess = this.#guesses.get(partition) ?? wireBytes / records;
      this.#guesses.set(partition, guess + GUESS_WEIGHT * (wireBytes / records - guess));
    }
    if (isBelieved()) this.#kept.keep(stretch);
    return stretch;
  }

  #recordBytes({ partition, anchors }: PartitionHistory): number {
    const folded = anchors.recordBytes;
    return this.#guesses.get(partition) ?? (folded === null ? FIRST_GUESS_BYTES : folded + KEY_BYTES);
  }

  #empty({ partition, streamId }: PartitionHistory, from: Anchor): Stretch {
    const { codec, budget } = this.#options;
    const stretch = new Stretch({ partition, streamId, codec, budget, from: from.offset });
    stretch.end(from);
    return stretch;
  }
}

/**
 * What stands at an offset, proven from the anchor below it: an accepted event, a claim, or nothing that counts.
 * @param upTo see `Ranges.read`
 */
export async function recordAt(
  ranges: Ranges,
  view: PartitionHistory,
  offset: Offset,
  upTo: number = offset + 1,
): Promise<LogEvent | 'claim' | null> {
  let from = view.anchors.atOrBelow(offset);
  while (from !== undefined && from.offset <= offset && offset < view.position) {
    const stretch = await ranges.read(view, from, upTo);
    if (stretch.covers(offset)) return stretch.at(offset);
    if (stretch.next.offset <= from.offset) return null;
    from = stretch.next;
  }
  return null;
}
