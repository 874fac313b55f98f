/**
 * Brings one member from its position to the room's head at the pace of its socket, then puts it among the live ones in the same
 * turn of the event loop, so that nothing falls between. Joins, resumes and slow clients all come this way:
 *
 *     waiting ──begin──▶ catching up ──at the head──▶ live ──socket too full──▶ fellBehind: its room's policy
 *                            ▲                                                   catch-up: from its own position
 *                            └───────────────────────────────────────────────────skip: a gap up to the head, once it is drained
 *                                                                                close: 1013
 *
 * A client that stalls costs its place, and what its socket holds up to the limit: what was read for it is let go.
 */
import type { Buffer } from 'node:buffer';
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition, Seq } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { Delivery } from '../fanout/delivery.ts';
import { RecentDeliveries, type Written } from '../fanout/recent-deliveries.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import type { Member } from '../rooms/rooms.ts';
import type { GapReason } from '../stream.ts';
import type { LoopBudget } from '../tail/loop-budget.ts';
import type { LogEvent } from './log-event.ts';
import { expiryTime, headCursor } from './partition-history.ts';
import { type HistoryReads, type Portion, RoomReader } from './room-reader.ts';
import type { SlowMembers } from './slow-members.ts';
import { isCatchingUp, SocketPace, within } from './socket-pace.ts';

/** Events written at once, in bytes; between writes the socket is looked at. */
const MAX_WRITE_BYTES = 65_536;
/** How long what was read is kept for a socket that is full: then it is let go, and read again when there is room. */
const HOLD_MS = 1_000;
/** Pause before the log is asked again, ms; doubled each time up to the second figure. */
const RETRY_MS = 200;
const MAX_RETRY_MS = 2_000;

export interface CatchUpOptions {
  readonly budget: LoopBudget;
  readonly reads: HistoryReads;
  readonly clock: Clock;
  readonly slow: SlowMembers;
  /** Bytes of frames kept for others who are as far behind, about. */
  readonly framesBytes: number;
  readonly logger: LogSink;
  onDelivered(events: number): void;
  onGap(reason: GapReason, count: number): void;
}

export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #pace: SocketPace;
  readonly #deliveries: RecentDeliveries;
  #active = 0;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#deliveries = new RecentDeliveries(options.framesBytes);
    this.#pace = new SocketPace({ logger: options.logger, onStuck: (member) => options.slow.closed(member, 'stuck') });
  }

  /** What was read of the partition is not believed any more. */
  forget(partition: Partition): void {
    this.#deliveries.forget(partition);
  }

  /** Members that are not live yet, or not any more. */
  get active(): number {
    return this.#active;
  }

  /** Returns at once; the member is live already where nothing had to be waited for. Never rejects. */
  begin(member: Member): void {
    member.state = 'catching-up';
    if (this.#hasNothingToRead(member)) {
      this.#goLive(member, member.seq ?? 0);
      return;
    }
    this.#active += 1;
    this.#run(member)
      .catch((thrown: unknown) => this.#giveUp(member, asRoomlogError(thrown, 'unavailable')))
      .finally(() => {
        this.#active -= 1;
        // It may have come back and fallen behind anew already.
        if (!isCatchingUp(member)) this.#options.slow.ended(member);
      });
  }

  /** The member's socket can't keep up: it has left the live path, and its room's policy says what becomes of it. */
  fellBehind(member: Member): void {
    this.#options.slow.fellBehind(member);
    if (member.room.slow.policy !== 'close') {
      this.begin(member);
      return;
    }
    this.#options.slow.closed(member, 'policy');
    this.#options.slow.ended(member);
    member.sink.close(CLOSE.overloaded, 'too slow');
  }

  /** Most who join. To make them wait for a turn is more work than to let them in, and would cost their `live` a write of its own. */
  #hasNothingToRead(member: Member): boolean {
    if (member.saidLive || member.seq === null || this.#pace.isFull(member)) return false;
    return member.seq >= (member.room.history.head(member.room.id)?.seq ?? 0);
  }

  async #run(member: Member): Promise<void> {
    const skips = member.fellBehind && member.room.slow.policy === 'skip';
    let reader: RoomReader | null = null;
    while (isCatchingUp(member)) {
      if (this.#pace.isFull(member)) {
        // What was read for it is let go where that takes long.
        if (reader !== null && !(await this.#pace.drainedWithin(member, HOLD_MS))) reader = null;
        else if (reader === null && !(await this.#pace.drained(member))) return;
        continue;
      }
      if (skips) {
        this.#skipToHead(member);
        return;
      }
      reader ??= new RoomReader(member.room.history, this.#options.reads, member.room.id, member.position);
      const came = await this.#step(member, reader);
      if (came === 'end') return;
      if (came === 'held up') reader = null;
    }
  }

  /** One portion. 'held up': the reader is not where the member is, and the next one begins at the member's position. */
  async #step(member: Member, reader: RoomReader): Promise<'on' | 'held up' | 'end'> {
    const { budget } = this.#options;
    if (budget.spent()) {
      await budget.turn();
      // It may have left meanwhile: nothing is sent to it any more.
      if (budget.spent() || !isCatchingUp(member)) return 'on';
    }
    if (this.#giveKept(member)) return 'held up';
    const taken = reader.take();
    if (taken === 'end') {
      this.#goLive(member, reader.seq ?? 0);
      return 'end';
    }
    const { generation } = this.#deliveries;
    for (const part of parts(taken === 'log' ? await this.#read(member, reader) : taken)) {
      while (isCatchingUp(member) && this.#pace.isFull(member)) {
        if (!(await this.#pace.drainedWithin(member, HOLD_MS))) return 'held up';
      }
      if (!isCatchingUp(member)) return 'end';
      this.#give(member, part, generation);
    }
    return 'on';
  }

  /** What somebody with the same position was given a moment ago; false where there is none. */
  #giveKept(member: Member): boolean {
    const kept = member.seq === null ? null : this.#deliveries.after(member.room.id, member.seq, member.sink);
    if (kept === null) return false;
    this.#write(member, kept.written, kept.bytes);
    return true;
  }

  #write(member: Member, { last, next, count }: Written, bytes: Buffer): void {
    member.sink.sendFramed(bytes, 'turn');
    member.gave(last, next);
    this.#options.onDelivered(count);
  }

  /** @param generation of the kept deliveries, from before these events were read */
  #give(member: Member, { gap, events }: Portion, generation: number): void {
    const { room, sink } = member;
    if (gap !== null) {
      const reason: GapReason = member.saidLive ? 'slow' : 'retention';
      sink.sendFrame(sink.encoding.gap(room.id, gap.from, gap.to, gap.cursor, reason), 'turn');
      member.gave(gap.to, member.position.from);
      this.#options.onGap(reason, 1);
    }
    const first = events[0];
    if (first === undefined) return;
    if (member.seq !== null && member.seq + 1 !== first.seq) {
      throw new Error(`room seq ${first.seq} would follow ${member.seq}`);
    }
    const last = events.at(-1) as LogEvent;
    const written: Written = {
      room: room.id,
      partition: room.history.partition,
      after: first.seq - 1,
      last: last.seq,
      next: (last.offset + 1) as Offset,
      count: events.length,
    };
    // One whose start was told by reading: others may have been given the same.
    const known = this.#deliveries.after(room.id, written.after, sink);
    if (known !== null && known.written.last === last.seq) {
      this.#write(member, written, known.bytes);
      return;
    }
    const delivery = new Delivery(events, expiryTime(room.history, this.#options.clock));
    const bytes = delivery.framed(sink);
    this.#write(member, written, bytes);
    if (delivery.gaps > 0) this.#options.onGap('expired', delivery.gaps);
    // What becomes of an event that can expire depends on when it is asked.
    if (events.every(({ expiresAt }) => expiresAt === null)) this.#deliveries.keep(written, sink, bytes, generation);
  }

  /** Leaves out what the member has not got, and says so. The cursor is the head's: whoever has an older one can still read all. */
  #skipToHead(member: Member): void {
    const { room, sink } = member;
    const head = room.history.head(room.id);
    const seq = member.seq ?? 0;
    if (head !== undefined && head.seq > seq) {
      const cursor = headCursor(room.history, room.id);
      sink.sendFrame(sink.encoding.gap(room.id, (seq + 1) as Seq, head.seq, cursor, 'slow'), 'turn');
      member.gave(head.seq, (head.offset + 1) as Offset);
      this.#options.onGap('slow', 1);
      this.#options.slow.skipped(head.seq - seq);
    }
    this.#goLive(member, member.seq ?? 0);
  }

  /** The reader is at the head, and no event can come between that and this. */
  #goLive(member: Member, seq: number): void {
    const { room, sink } = member;
    const { history } = room;
    const head = history.head(room.id);
    if ((member.seq ?? seq) !== seq) throw new Error(`the reader is at ${seq}, the member at ${member.seq}`);
    member.gave(seq, (Math.max(head?.offset ?? -1, history.newestClaim) + 1) as Offset);
    if (!member.saidLive) {
      member.saidLive = true;
      const cursor =
        seq === (head?.seq ?? 0)
          ? headCursor(history, room.id)
          : // Above what a fold without the beginning knows: judged by seq alone when it comes back.
            encodeCursor(history.streamId, room.id, { offset: 0 as Offset, seq: seq as Seq });
      sink.sendFrame(sink.encoding.live(room.id, seq as Seq, cursor), 'turn');
    }
    if (!isCatchingUp(member)) return;
    member.state = 'live';
    room.live.add(member);
    this.#options.slow.cameBack(member);
  }

  /** Reads on from the log; patient while it can't be reached, but not longer than a slow client is borne. */
  async #read(member: Member, reader: RoomReader): Promise<Portion> {
    const deadline = performance.now() + member.room.slow.timeoutMs;
    for (let pauseMs = RETRY_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_RETRY_MS)) {
      try {
        return await reader.read();
      } catch (thrown) {
        const error = asRoomlogError(thrown, 'unavailable');
        if (!error.definition.retryable || performance.now() > deadline || !isCatchingUp(member)) throw error;
        await within(pauseMs, member.leaving);
      }
    }
  }

  #giveUp(member: Member, error: RoomlogError): void {
    if (!isCatchingUp(member)) return;
    this.#options.logger.error({ err: error, room: member.room.id }, 'a member could not be brought up to date');
    member.sink.close(CLOSE.overloaded, 'history unavailable');
  }
}

/** Cuts a portion into writes; the gap goes with the first. */
function* parts({ gap, events }: Portion): Generator<Portion> {
  let part: LogEvent[] = [];
  let bytes = 0;
  let first = gap;
  for (const event of events) {
    part.push(event);
    bytes += event.bytes;
    if (bytes < MAX_WRITE_BYTES) continue;
    yield { gap: first, events: part };
    first = null;
    part = [];
    bytes = 0;
  }
  if (part.length > 0 || first !== null) yield { gap: first, events: part };
}
