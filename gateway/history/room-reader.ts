/**
 * One reader's way through a room's history, from its position to the head: out of the hot ring where that reaches back far enough,
 * else out of what a walk back along the hints found, else stretch by stretch out of the log. It decides what is a gap; who delivers,
 * and when, is `catch-up.ts`.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, RoomId, Seq } from '../../core/ids.ts';
import type { Anchor } from '../../core/log/chain.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import type { RoomHead } from '../../core/log/room-heads.ts';
import type { LogEvent } from './log-event.ts';
import { endOfRoom, type PartitionHistory } from './partition-history.ts';
import type { Ranges } from './ranges.ts';
import type { Stretch } from './stretch.ts';
import type { Wanted } from './walk-back.ts';
import type { Walks } from './walks.ts';

/** Events taken at once, in bytes. */
const PORTION_BYTES = 65_536;
/** Walks in a row from which this reader could take nothing: then it reads everything. */
const MAX_IDLE_WALKS = 2;

/** What readers share. */
export interface HistoryReads {
  readonly ranges: Ranges;
  readonly walks: Walks;
}

/** Where a reader stands before its first event. */
export interface Position {
  /** The room's seq that the reader has; null where only reading can tell (the oldest retained, the first since a time). */
  readonly seq: number | null;
  /** Where to start reading the log: no event that the reader needs is below it. */
  readonly from: Offset;
  /** While `seq` is null: events up to this seq are not wanted. */
  readonly skipThroughSeq?: number;
  /** While `seq` is null: events before this time (ms since the Unix epoch) are not wanted. */
  readonly skipBeforeTime?: number;
  /** While `seq` is null: what is missing before the first event found has to be announced as a gap. */
  readonly gapBeforeFirst?: boolean;
}

export interface Gap {
  readonly from: Seq;
  readonly to: Seq;
  readonly cursor: string;
}

/** What comes next: the gap first, then the events. Both may be absent where what was read held nothing of this room. */
export interface Portion {
  readonly gap: Gap | null;
  readonly events: readonly LogEvent[];
}

const NOTHING: Portion = { gap: null, events: [] };

export class RoomReader {
  readonly room: RoomId;
  readonly #view: PartitionHistory;
  readonly #ranges: Ranges;
  readonly #walks: Walks;
  readonly #position: Position;
  readonly #portionBytes: number;
  #seq: number | null;
  /** While `#seq` is null: the newest event seen that was not wanted. */
  #skippedSeq = 0;
  #next: Anchor | null = null;
  /** Nothing below this offset is looked at any more. */
  #at: Offset = 0 as Offset;
  /** What was read and not taken to its end. */
  #stretch: Stretch | null = null;
  #idleWalks = 0;
  /** It reads everything, since there is no way along the hints. */
  #scans = false;
  /** Reading began at the oldest anchor, so what was not found is not there. */
  #fromOldest = false;

  /** @param portionBytes events taken at once, at least one */
  constructor(
    view: PartitionHistory,
    { ranges, walks }: HistoryReads,
    room: RoomId,
    position: Position,
    portionBytes: number = PORTION_BYTES,
  ) {
    this.#view = view;
    this.#ranges = ranges;
    this.#walks = walks;
    this.room = room;
    this.#position = position;
    this.#seq = position.seq;
    this.#portionBytes = portionBytes;
  }

  /** The seq of the last event handed out (or not wanted); null while unknown. */
  get seq(): number | null {
    return this.#seq;
  }

  /** From memory only: a portion, 'end' at the room's head, or 'log' where the log has to be read. */
  take(): Portion | 'end' | 'log' {
    const head = this.#view.head(this.room);
    this.#seq ??= this.#seqFromMemory(head) ?? this.#walks.before(this.#view, this.room, this.#wanted());
    if (this.#seq === null) return 'log';
    if (this.#seq >= (head?.seq ?? 0)) return 'end';
    const events =
      this.#view.ring.after(this.room, this.#seq, this.#portionBytes) ??
      this.#walks.after(this.room, this.#seq, this.#portionBytes);
    const last = events?.at(-1);
    if (events === null || last === undefined) return 'log';
    this.#seq = last.seq;
    this.#idleWalks = 0;
    return { gap: null, events };
  }

  /**
   * Looks into the log; what it found is returned, or is what `take` has next. Throws as `Ranges.read` does, but for
   * `offset_out_of_range`: then it goes on with what is left.
   */
  async read(): Promise<Portion> {
    if (this.#isAllGone()) {
      this.#fromOldest = true;
      return this.#atEnd();
    }
    if (!this.#scans) {
      this.#idleWalks += 1;
      const mayWalk = this.#idleWalks <= MAX_IDLE_WALKS;
      if (mayWalk && (await this.#walks.find(this.#view, this.room, this.#wanted()))) return NOTHING;
      this.#scans = true;
    }
    const from = this.#next ?? this.#firstAnchor();
    try {
      const stretch =
        this.#stretch ?? (await this.#ranges.read(this.#view, from, endOfRoom(this.#view, this.room, from.offset)));
      if (stretch.next.offset <= from.offset) return this.#atEnd();
      const at = Math.max(this.#at, from.offset) as Offset;
      const { events, more } = await stretch.eventsOf(this.room, at, this.#portionBytes);
      this.#at = (more ? (events.at(-1) as LogEvent).offset + 1 : stretch.next.offset) as Offset;
      this.#next = more ? from : stretch.next;
      this.#stretch = more ? stretch : null;
      return this.#sift(events);
    } catch (error) {
      if (!(error instanceof RoomlogError) || error.code !== 'offset_out_of_range') throw error;
      const { start } = error.details;
      this.#view.retentionPassed((typeof start === 'number' ? start : from.offset + 1) as Offset);
      this.#next = null;
      return NOTHING;
    }
  }

  #wanted(): Wanted {
    const { anchors } = this.#view;
    const { from, skipThroughSeq, skipBeforeTime } = this.#position;
    const scanFrom = (this.#fromOldest ? undefined : anchors.atOrBelow(from)) ?? anchors.oldest;
    const throughSeq = this.#seq ?? Math.max(skipThroughSeq ?? 0, this.#skippedSeq);
    const beforeTime = this.#seq === null ? (skipBeforeTime ?? Number.NEGATIVE_INFINITY) : Number.NEGATIVE_INFINITY;
    return { throughSeq, beforeTime, scanFrom: scanFrom?.offset ?? 0 };
  }

  /** Whether the room's last event lies below all that can be read: there is no need to look for it. */
  #isAllGone(): boolean {
    const head = this.#view.head(this.room);
    return head !== undefined && head.offset < (this.#view.anchors.oldest?.offset ?? 0);
  }

  #firstAnchor(): Anchor {
    const { anchors } = this.#view;
    const nearest = this.#fromOldest ? undefined : anchors.atOrBelow(this.#position.from);
    const anchor = nearest ?? anchors.oldest;
    if (anchor === undefined) throw new RoomlogError('unavailable', 'No place to read history from is known yet.');
    this.#fromOldest ||= anchor === anchors.oldest;
    return anchor;
  }

  /** The seq before the first wanted event, where memory alone can tell. */
  #seqFromMemory(head: RoomHead | undefined): number | null {
    if (head === undefined) return 0;
    if (this.#position.skipBeforeTime !== undefined && this.#position.from > head.offset) return head.seq;
    const first = this.#view.ring.first(this.room);
    if (first === undefined) return null;
    const known = Math.max(this.#skippedSeq, this.#position.skipThroughSeq ?? 0);
    if (first.seq > known + 1 && !this.#isUnwanted(first)) return null;
    // Time never goes back, so what is not wanted comes first.
    let low: number = first.seq;
    let high = head.seq + 1;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.#isUnwanted(this.#view.ring.at(this.room, middle) as LogEvent)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  #isUnwanted(event: LogEvent): boolean {
    const { skipThroughSeq, skipBeforeTime } = this.#position;
    return event.seq <= (skipThroughSeq ?? 0) || event.time < (skipBeforeTime ?? Number.NEGATIVE_INFINITY);
  }

  /** Those of the room's events in a stretch that come after the position. */
  #sift(found: readonly LogEvent[]): Portion {
    let gap: Gap | null = null;
    const events: LogEvent[] = [];
    for (const event of found) {
      if (this.#seq === null) {
        if (this.#isUnwanted(event)) {
          this.#skippedSeq = event.seq;
          continue;
        }
        gap = this.#gapBeforeFirst(event.seq - 1);
        this.#seq = event.seq - 1;
      }
      if (event.seq <= this.#seq) continue;
      if (event.seq > this.#seq + 1) {
        if (!this.#fromOldest) {
          this.#restartFromOldest();
          break;
        }
        // Between two events that were read, retention can't have taken one.
        if (events.length > 0) throw new RoomlogError('fold_halted', `Room seq ${this.#seq + 1} is not in the log.`);
        gap = this.#retentionGap(this.#seq + 1, event.seq - 1);
      }
      events.push(event);
      this.#seq = event.seq;
    }
    return gap === null && events.length === 0 ? NOTHING : { gap, events };
  }

  /** Everything folded was read. Where the head was not met on the way, its event and those before it are gone. */
  #atEnd(): Portion {
    const head = this.#view.head(this.room);
    if (head === undefined) {
      this.#seq ??= 0;
      return NOTHING;
    }
    if (this.#seq === null) {
      const gap = this.#isStartLost() ? this.#gapToHead(1, head) : null;
      this.#seq = head.seq;
      return { gap, events: [] };
    }
    if (this.#seq >= head.seq) return NOTHING;
    if (!this.#fromOldest) {
      this.#restartFromOldest();
      return NOTHING;
    }
    const gap = this.#gapToHead(this.#seq + 1, head);
    this.#seq = head.seq;
    return { gap, events: [] };
  }

  /** The place to start from was wrong: a forged cursor, a wrong hint. */
  #restartFromOldest(): void {
    this.#fromOldest = true;
    this.#next = null;
    this.#stretch = null;
    this.#at = 0 as Offset;
  }

  #gapBeforeFirst(to: number): Gap | null {
    return this.#isStartLost() && to > 0 ? this.#retentionGap(1, to) : null;
  }

  /** Whether wanted events may have been deleted before the first one found. */
  #isStartLost(): boolean {
    if (this.#skippedSeq > 0) return false;
    const { gapBeforeFirst, skipBeforeTime, from } = this.#position;
    return gapBeforeFirst === true || (skipBeforeTime !== undefined && from < (this.#view.anchors.oldest?.offset ?? 0));
  }

  #retentionGap(from: number, to: number): Gap {
    const oldest = this.#view.anchors.oldest;
    if (oldest === undefined || oldest.offset === 0) {
      throw new RoomlogError('fold_halted', `Room seqs ${from} to ${to} are missing, though nothing was deleted.`);
    }
    // Below what is retained, so that whoever resumes from it is judged by seq alone.
    const cursor = encodeCursor(this.#view.streamId, this.room, {
      offset: (oldest.offset - 1) as Offset,
      seq: to as Seq,
    });
    return { from: from as Seq, to: to as Seq, cursor };
  }

  #gapToHead(from: number, head: RoomHead): Gap {
    return { from: from as Seq, to: head.seq, cursor: encodeCursor(this.#view.streamId, this.room, head) };
  }
}
