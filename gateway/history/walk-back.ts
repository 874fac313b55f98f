/**
 * Finds a room's events from the newest back, along the hints (`prev`) that each has of the one before it: what is sparse is found without
 * reading all that lies between. A hint is only where to look. What stands there counts if the chain proves it accepted, it is of the
 * room, and its seq is one less; where it is an earlier event of the room, the range between is read; anything else, and the whole range is read.
 */

import { RoomlogError } from '../../core/errors.ts';
import type { Offset, RoomId } from '../../core/ids.ts';
import type { Anchor } from '../../core/log/chain.ts';
import type { LogEvent } from './log-event.ts';
import type { PartitionHistory } from './partition-history.ts';
import { type Ranges, recordAt } from './ranges.ts';

/** Steps of one walk. */
export const MAX_STEPS = 1_024;
/** Bytes of events that a walk keeps; the newest ones are let go where there are more, and are walked to again. */
export const MAX_RUN_BYTES = 1_048_576;
/** Up to so many bytes of log, reading them all is as fast as one step. */
const SHORT_BYTES = 1_048_576;
/** What one step costs beside the records read to prove it, in bytes of records. */
const STEP_BYTES = 65_536;

/** Which events a reader lacks. */
export interface Wanted {
  /** Those up to this seq are not wanted. */
  readonly throughSeq: number;
  /** Those before this time are not wanted, ms since the Unix epoch. */
  readonly beforeTime: number;
  /** Where reading everything would begin. */
  readonly scanFrom: number;
}

/** - `found`: every wanted event below what the ring holds. - `dense`: reading all is cheaper. - `refused`: a hint was wrong. - `deleted`: retention has passed a hint. */
export type WalkOutcome = 'found' | 'dense' | 'refused' | 'deleted';

export interface Walk {
  readonly outcome: WalkOutcome;
  /** Consecutive, oldest first; where `outcome` is `found`, the first of them `reaches` what is wanted. */
  readonly events: readonly LogEvent[];
}

export interface WalkParts {
  readonly view: PartitionHistory;
  readonly ranges: Ranges;
  readonly room: RoomId;
  /** Consecutive events of the room that are known already, oldest first. */
  readonly known: readonly LogEvent[];
}

/** Whether nothing that is wanted comes before this event. */
export function reaches({ throughSeq, beforeTime }: Wanted, { seq, time }: LogEvent): boolean {
  return seq - 1 <= throughSeq || time < beforeTime;
}

/** Whether reading everything is surely cheaper than a walk. Looks into memory alone. */
export function isDense({ view, ranges, room }: Omit<WalkParts, 'known'>, wanted: Wanted): boolean {
  const top = view.ring.first(room) ?? view.head(room);
  if (top === undefined) return true;
  const { throughSeq, beforeTime, scanFrom } = wanted;
  const scanned = top.offset - scanFrom;
  if (scanned <= ranges.recordsIn(view, SHORT_BYTES)) return true;
  if (beforeTime !== Number.NEGATIVE_INFINITY) return false;
  const steps = top.seq - 1 - throughSeq;
  return steps > MAX_STEPS || steps * stepRecords(view, ranges) >= scanned;
}

/** What a step costs on average, in records. */
function stepRecords(view: PartitionHistory, ranges: Ranges): number {
  const { anchors, position } = view;
  const between = (position - (anchors.oldest?.offset ?? 0)) / Math.max(1, anchors.size);
  return between / 2 + ranges.recordsIn(view, STEP_BYTES);
}

/** Throws what reading the log throws, but for `offset_out_of_range`. */
export async function walkBack(parts: WalkParts, wanted: Wanted): Promise<Walk> {
  const steps = new Steps(parts, wanted);
  try {
    return { outcome: await steps.walk(), events: steps.events };
  } catch (error) {
    if (!(error instanceof RoomlogError) || error.code !== 'offset_out_of_range') throw error;
    const { start } = error.details;
    if (typeof start === 'number') parts.view.retentionPassed(start as Offset);
    return { outcome: 'deleted', events: steps.events };
  }
}

class Steps {
  readonly #parts: WalkParts;
  readonly #wanted: Wanted;
  /** Newest first. */
  #found: LogEvent[] = [];
  #bytes = 0;
  /** Of records read to prove what was found. */
  #records = 0;
  #anchor: Anchor | undefined;
  /** What reading everything would cost, in records. */
  #scanned = 0;

  constructor(parts: WalkParts, wanted: Wanted) {
    this.#parts = parts;
    this.#wanted = wanted;
  }

  get events(): LogEvent[] {
    return this.#found.toReversed();
  }

  async walk(): Promise<WalkOutcome> {
    const { view, room } = this.#parts;
    const head = view.head(room);
    if (head === undefined) return 'found';
    let at = view.ring.first(room);
    this.#scanned = (at ?? head).offset - this.#wanted.scanFrom;
    if (at === undefined) {
      const newest = await this.#prove(head.offset);
      if (newest === 'dense' || newest === 'deleted') return newest;
      if (newest?.room !== room || newest.seq !== head.seq) return 'refused';
      this.#push(newest);
      at = newest;
    }
    for (let step = 0; step < MAX_STEPS; step += 1) {
      if (reaches(this.#wanted, at)) return 'found';
      const below = this.#fromKnown(at) ?? (await this.#before(at));
      if (typeof below === 'string') return below;
      for (const event of below) this.#push(event);
      at = below.at(-1) as LogEvent;
    }
    return 'dense';
  }

  #fromKnown({ seq }: LogEvent): LogEvent[] | null {
    const { known } = this.#parts;
    const count = seq - (known[0]?.seq ?? seq);
    return count > 0 && count <= known.length ? known.slice(0, count).toReversed() : null;
  }

  /** The events next below one, newest first: one where its hint is exact. */
  async #before(at: LogEvent): Promise<LogEvent[] | WalkOutcome> {
    const { room } = this.#parts;
    if (at.prev < 0 || at.prev >= at.offset) return 'refused';
    const hinted = await this.#prove(at.prev);
    if (hinted === 'dense' || hinted === 'deleted') return hinted;
    if (hinted === null || hinted.room !== room || hinted.seq >= at.seq) return 'refused';
    if (hinted.seq === at.seq - 1) return [hinted];
    return this.#between(hinted, at);
  }

  /** An accepted event at an offset; null where there is none. */
  async #prove(offset: Offset): Promise<LogEvent | null | 'dense' | 'deleted'> {
    const { view, ranges } = this.#parts;
    const anchor = view.anchors.atOrBelow(offset);
    if (anchor === undefined) return 'deleted';
    // What two events behind the same anchor need is read once.
    if (anchor !== this.#anchor) this.#records += offset - anchor.offset + ranges.recordsIn(view, STEP_BYTES);
    this.#anchor = anchor;
    if (this.#isSpent) return 'dense';
    const record = await recordAt(ranges, view, offset);
    return record === 'claim' ? null : record;
  }

  /** Whether reading everything would have cost less by now. */
  get #isSpent(): boolean {
    return this.#records > this.#scanned;
  }

  /** What was sequenced while the hinted event was the newest that its sequencer had read back. */
  async #between(low: LogEvent, high: LogEvent): Promise<LogEvent[] | WalkOutcome> {
    const { view, ranges, room } = this.#parts;
    if (high.seq - low.seq > MAX_STEPS) return 'dense';
    this.#records += high.offset - low.offset;
    if (this.#isSpent) return 'dense';
    const events: LogEvent[] = [low];
    let from = view.anchors.atOrBelow(low.offset);
    for (let at = (low.offset + 1) as Offset; from !== undefined && at < high.offset; ) {
      const stretch = await ranges.read(view, from, high.offset);
      const { events: found } = await stretch.eventsOf(room, at, Number.POSITIVE_INFINITY);
      for (const event of found) if (event.offset < high.offset) events.push(event);
      if (stretch.next.offset <= from.offset) return 'refused';
      from = stretch.next;
      at = Math.max(at, from.offset) as Offset;
    }
    const isWhole = events.length === high.seq - low.seq && events.every(({ seq }, index) => seq === low.seq + index);
    return isWhole ? events.toReversed() : 'refused';
  }

  #push(event: LogEvent): void {
    this.#found.push(event);
    this.#bytes += event.bytes;
    let dropped = 0;
    while (this.#bytes > MAX_RUN_BYTES && dropped < this.#found.length - 1) {
      this.#bytes -= (this.#found[dropped] as LogEvent).bytes;
      dropped += 1;
    }
    if (dropped > 0) this.#found = this.#found.slice(dropped);
  }
}
