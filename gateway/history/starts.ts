/** Turns what a join asks for into a position in the room, and proves what a cursor claims. */
import { RoomlogError } from '../../core/errors.ts';
import { NO_OFFSET, type Offset, type Partition, type RoomId } from '../../core/ids.ts';
import { type CursorPosition, decodeCursor } from '../../core/log/cursor.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { isExpired } from '../fanout/delivery.ts';
import type { JoinStart } from '../stream.ts';
import type { LogEvent } from './log-event.ts';
import { endOfRoom, expiryTime, type PartitionHistory } from './partition-history.ts';
import { recordAt } from './ranges.ts';
import { type HistoryReads, type Position, RoomReader } from './room-reader.ts';
import { isDense } from './walk-back.ts';

/** Portions read before `joined` to learn whether the backlog holds a gap; past it the answer is "not recovered". */
const MAX_PORTIONS_AHEAD = 256;
/** A portion's bytes where the first event tells. */
const ONE_EVENT = 1;
/** Told to a client whose cursor can't be judged by this gateway yet, ms. */
const RETRY_AFTER_MS = 1_000;

export interface ResolvedStart {
  readonly position: Position;
  /** A cursor was given, and everything after it can be had. */
  readonly recovered: boolean;
}

export interface StartsOptions {
  readonly reads: HistoryReads;
  /** How long a cursor ahead of this gateway's fold is waited for. */
  readonly cursorWaitMs: number;
  readonly clock: Clock;
  /** The end of the partition as Kafka says it now. Throws `kafka_unreachable`. */
  endOf(partition: Partition): Promise<Offset>;
}

export class Starts {
  readonly #reads: HistoryReads;
  readonly #options: StartsOptions;

  constructor(options: StartsOptions) {
    this.#reads = options.reads;
    this.#options = options;
  }

  /** Throws `cursor_invalid`, `unavailable`, and what reading the log throws. */
  async resolve(view: PartitionHistory, room: RoomId, start: JoinStart): Promise<ResolvedStart> {
    switch (start.kind) {
      case 'live':
        return fresh(atHead(view, room));
      case 'start':
        return fresh({ seq: null, from: 0 as Offset, gapBeforeFirst: true });
      case 'since':
        return fresh(since(view, start.timeMs));
      case 'last':
        return fresh(last(view, room, start.count));
      case 'after':
        return this.#after(view, room, decodeCursor(view.streamId, room, start.cursor));
    }
  }

  async #after(view: PartitionHistory, room: RoomId, cursor: CursorPosition): Promise<ResolvedStart> {
    await this.#awaitFold(view, cursor.offset);
    await this.#prove(view, room, cursor);
    const position: Position = { seq: cursor.seq, from: (cursor.offset + 1) as Offset };
    return { position, recovered: await this.#isWhole(view, room, position) };
  }

  /** Another gateway may be ahead of this one; the log itself is ahead of them all. */
  async #awaitFold(view: PartitionHistory, offset: Offset): Promise<void> {
    if (offset < view.position || (await view.folded(offset, this.#options.cursorWaitMs))) return;
    if ((await this.#options.endOf(view.partition)) <= offset) throw invalid('behind the end of the log');
    throw new RoomlogError('unavailable', 'This gateway has not read that far yet.', {
      details: { retryAfter: RETRY_AFTER_MS },
    });
  }

  /** Throws `cursor_invalid` unless the log shows that the cursor was once handed out for this room. */
  async #prove(view: PartitionHistory, room: RoomId, { offset, seq }: CursorPosition): Promise<void> {
    if (offset === NO_OFFSET) {
      if (seq !== 0) throw invalid('before the first record there is no event');
      return;
    }
    const head = view.head(room);
    if (seq > (head?.seq ?? 0) && (view.complete || head !== undefined)) throw invalid('above the head of the room');
    if (offset < (view.anchors.oldest?.offset ?? 0)) return;
    if (seq === 0 && offset === view.newestClaim) return;
    if (seq > 0 && seq === head?.seq) {
      if (offset !== head.offset) throw invalid('not where the head is');
      return;
    }
    const held = view.ring.at(room, seq);
    if (held !== undefined) {
      if (held.offset !== offset) throw invalid('not where that event is');
      return;
    }
    // Retention has passed this gateway, and where it can go on is not known yet.
    if (view.anchors.size === 0) {
      throw new RoomlogError('unavailable', 'No place to read history from is known yet.', {
        details: { retryAfter: RETRY_AFTER_MS },
      });
    }
    const { ranges } = this.#reads;
    let record: LogEvent | 'claim' | null;
    try {
      // Whoever will read on from there reads it at once.
      const wanted = { throughSeq: seq, beforeTime: Number.NEGATIVE_INFINITY, scanFrom: offset + 1 };
      const upTo = isDense({ view, ranges, room }, wanted) ? endOfRoom(view, room, offset) : offset + 1;
      record = await recordAt(ranges, view, offset, upTo);
    } catch (error) {
      if (!(error instanceof RoomlogError) || error.code !== 'offset_out_of_range') throw error;
      // Retention has passed since the anchors were noted.
      const { start } = error.details;
      view.retentionPassed((typeof start === 'number' ? start : offset + 1) as Offset);
      return this.#prove(view, room, { offset, seq } as CursorPosition);
    }
    if (record === 'claim' ? seq !== 0 : record?.room !== room || record.seq !== seq) {
      throw invalid('no accepted record of that room and seq');
    }
  }

  /** Whether everything between the position and the head can be delivered: nothing deleted, nothing expired. */
  async #isWhole(view: PartitionHistory, room: RoomId, position: Position): Promise<boolean> {
    // A deletion shows in the first read, or before the first event found; an expired event may be anywhere.
    const mayExpire = view.newestExpiring >= position.from;
    const reader = new RoomReader(view, this.#reads, room, position, mayExpire ? undefined : ONE_EVENT);
    const now = expiryTime(view, this.#options.clock);
    for (let portions = 0; portions < MAX_PORTIONS_AHEAD; portions += 1) {
      const taken = reader.take();
      if (taken === 'end') return true;
      const portion = taken === 'log' ? await reader.read() : taken;
      if (portion.gap !== null || portion.events.some((event) => isExpired(event, now))) return false;
      const nothingDeleted = position.from >= (view.anchors.oldest?.offset ?? 0);
      if (!mayExpire && (nothingDeleted || portion.events.length > 0)) return true;
    }
    return false;
  }
}

const invalid = (why: string): RoomlogError => new RoomlogError('cursor_invalid', undefined, { details: { why } });

const fresh = (position: Position): ResolvedStart => ({ position, recovered: false });

function atHead(view: PartitionHistory, room: RoomId): Position {
  const head = view.head(room);
  return { seq: head?.seq ?? 0, from: ((head?.offset ?? view.newestClaim) + 1) as Offset };
}

/** The reader finds its way back from the head. */
function last(view: PartitionHistory, room: RoomId, count: number): Position {
  const skipThroughSeq = Math.max(0, (view.head(room)?.seq ?? 0) - count);
  const held = view.ring.at(room, skipThroughSeq + 1);
  if (held !== undefined && skipThroughSeq > 0) return { seq: skipThroughSeq, from: held.offset };
  return { seq: null, from: 0 as Offset, skipThroughSeq };
}

/** Anchors know the log time, which never goes back: the newest one before the time asked for is the place to start. */
function since(view: PartitionHistory, timeMs: number): Position {
  const anchor = view.anchors.before(timeMs);
  if (anchor !== undefined) return { seq: null, from: anchor.offset, skipBeforeTime: timeMs };
  return { seq: null, from: 0 as Offset, skipBeforeTime: timeMs, gapBeforeFirst: true };
}
