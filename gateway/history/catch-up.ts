/**
 * Brings one member from its position to the room's head at the pace of its socket, then puts it among the live ones in the same
 * turn of the event loop, so that nothing falls between. Joins, resumes and slow clients all come this way.
 */
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import type { Offset, Seq } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { RecentDeliveries } from '../fanout/recent-deliveries.ts';
import type { Member } from '../rooms/rooms.ts';
import type { GapReason } from '../stream.ts';
import type { LoopBudget } from '../tail/loop-budget.ts';
import type { LogEvent } from './log-event.ts';
import { expiryTime, headCursor } from './partition-history.ts';
import type { Ranges } from './ranges.ts';
import { type Portion, RoomReader } from './room-reader.ts';

/** Events written at once, in bytes; between writes the socket is looked at. */
const MAX_WRITE_BYTES = 65_536;
/** A catching-up member is written to while no more than this part of `slowClientBytes` waits in its socket. */
const LOW_WATER_PART = 4;
/** Pause before the log is asked again, ms; doubled each time up to the second figure. */
const RETRY_MS = 200;
const MAX_RETRY_MS = 2_000;

export interface CatchUpOptions {
  readonly budget: LoopBudget;
  readonly ranges: Ranges;
  readonly clock: Clock;
  readonly slowClientBytes: number;
  /** Without progress for this long a member's socket is closed with 1013. */
  readonly slowClientTimeoutMs: number;
  readonly logger: LogSink;
  onDelivered(events: number): void;
  onGap(reason: GapReason, count: number): void;
}

export class CatchUp {
  readonly #options: CatchUpOptions;
  readonly #lowWaterBytes: number;
  readonly #deliveries = new RecentDeliveries();
  #active = 0;

  constructor(options: CatchUpOptions) {
    this.#options = options;
    this.#lowWaterBytes = Math.max(1, Math.floor(options.slowClientBytes / LOW_WATER_PART));
  }

  /** Members that are not live yet, or not any more. */
  get active(): number {
    return this.#active;
  }

  /** Returns at once; the member is live already where nothing had to be waited for. Never rejects. */
  begin(member: Member): void {
    member.state = 'catching-up';
    this.#active += 1;
    this.#run(member)
      .catch((thrown: unknown) => this.#giveUp(member, asRoomlogError(thrown, 'unavailable')))
      .finally(() => {
        this.#active -= 1;
      });
  }

  async #run(member: Member): Promise<void> {
    const { room, sink } = member;
    const reader = new RoomReader(room.history, this.#options.ranges, room.id, member.position);
    const { budget } = this.#options;
    while (isCatchingUp(member)) {
      if (sink.bufferedBytes() > this.#lowWaterBytes) {
        if (!(await this.#drained(member))) return;
        continue;
      }
      if (budget.spent()) {
        await budget.turn();
        if (budget.spent()) continue;
      }
      const taken = reader.take();
      if (taken === 'end') {
        this.#goLive(member, reader.seq ?? 0);
        return;
      }
      const portion = taken === 'log' ? await this.#read(member, reader) : taken;
      for (const part of parts(portion)) {
        while (isCatchingUp(member) && sink.bufferedBytes() > this.#lowWaterBytes) {
          if (!(await this.#drained(member))) return;
        }
        if (!isCatchingUp(member)) return;
        this.#give(member, part);
      }
    }
  }

  #give(member: Member, { gap, events }: Portion): void {
    const { room, sink } = member;
    if (gap !== null) {
      const reason: GapReason = member.saidLive ? 'slow' : 'retention';
      sink.sendFrame(sink.encoding.gap(room.id, gap.from, gap.to, gap.cursor, reason));
      member.gave(gap.to, member.position.from);
      this.#options.onGap(reason, 1);
    }
    const first = events[0];
    if (first === undefined) return;
    if (member.seq !== null && member.seq + 1 !== first.seq) {
      throw new Error(`room seq ${first.seq} would follow ${member.seq}`);
    }
    const delivery = this.#deliveries.of(events, expiryTime(room.history, this.#options.clock));
    sink.sendFramed(delivery.framed(sink));
    member.gave(delivery.last.seq, (delivery.last.offset + 1) as Offset);
    this.#options.onDelivered(events.length);
    if (delivery.gaps > 0) this.#options.onGap('expired', delivery.gaps);
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
      sink.sendFrame(sink.encoding.live(room.id, seq as Seq, cursor));
    }
    if (!isCatchingUp(member)) return;
    member.state = 'live';
    room.live.add(member);
  }

  /** Reads on from the log; patient while it can't be reached, but not longer than a slow client is borne. */
  async #read(member: Member, reader: RoomReader): Promise<Portion> {
    const deadline = performance.now() + this.#options.slowClientTimeoutMs;
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

  /** Waits until the socket has taken enough. False where the member has left, or was closed for making no progress. */
  async #drained(member: Member): Promise<boolean> {
    const { sink } = member;
    const drained = sink.drained(this.#lowWaterBytes);
    let before = sink.bufferedBytes();
    while (!(await within(this.#options.slowClientTimeoutMs, member.leaving, drained))) {
      if (!isCatchingUp(member)) return false;
      const now = sink.bufferedBytes();
      if (now >= before) {
        this.#options.logger.info({ room: member.room.id, bufferedBytes: now }, 'closing a client that takes nothing');
        sink.close(1013, 'too slow');
        return false;
      }
      before = now;
    }
    return isCatchingUp(member);
  }

  #giveUp(member: Member, error: RoomlogError): void {
    if (!isCatchingUp(member)) return;
    this.#options.logger.error({ err: error, room: member.room.id }, 'a member could not be brought up to date');
    member.sink.close(1013, 'history unavailable');
  }
}

/** Resolves true when `settled` does, false after `ms` or when the signal comes first. */
function within(ms: number, signal: AbortSignal, settled?: Promise<void>): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (value: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(value);
    };
    const onAbort = (): void => done(false);
    const timer = setTimeout(done, ms, false);
    timer.unref();
    signal.addEventListener('abort', onAbort);
    settled?.then(
      () => done(true),
      () => done(false),
    );
    if (signal.aborted) done(false);
  });
}

const isCatchingUp = (member: Member): boolean => member.state === 'catching-up' && !member.sink.closed;

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
