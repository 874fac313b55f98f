/**
 * The live path: per room the events of a flush window are joined into one buffer, shared by all live members, and each of
 * them gets one write. What the tail hands over at once shares a window in any case; how long a window waits for more, `window.ts`
 * says. A member whose socket can't keep up leaves the live path; it costs the others nothing.
 */
import type { Offset } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { LogEvent } from '../history/log-event.ts';
import type { Member, Room } from '../rooms/rooms.ts';
import { Deadlines } from './deadlines.ts';
import { Delivery } from './delivery.ts';
import { windowMs } from './window.ts';

/** Events written to a member at once, in bytes: a window that has as many waits no longer, and a larger one is cut. */
const MAX_WINDOW_BYTES = 262_144;

export interface FanOutOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** See `gateway.flushWindowMaxMs`. */
  readonly windowMaxMs: number;
  /** How much the event loop needs fewer writes, 0 to 1. */
  readonly pressure: () => number;
  readonly logger: LogSink;
  onDelivered(events: number): void;
  /** Sockets that were written to for one window. */
  onWritten(writes: number): void;
  /** `gap` frames sent in place of expired events, over all members. */
  onExpired(gaps: number): void;
  /**
   * The member has left the live path and has to catch up from its own position: its socket is `slow`, or it `missed` seqs that
   * this gateway never saw.
   */
  onBehind(member: Member, why: 'slow' | 'missed'): void;
}

export class FanOut {
  readonly #options: FanOutOptions;
  readonly #touched = new Set<Room>();
  /** Rooms whose window is held; one that was full before its time is in here in vain. */
  readonly #held: Deadlines<Room>;

  constructor(options: FanOutOptions) {
    this.#options = options;
    this.#held = new Deadlines(
      () => options.clock.monotonic(),
      (room) => this.#onDue(room),
    );
  }

  /** Puts an event in its room's window. Rooms without live members need none: joins read the ring. */
  add(room: Room, event: LogEvent): void {
    if (room.live.size === 0) return;
    room.window.push(event);
    this.#touched.add(room);
  }

  /** The fold knows events of the room that were never added: those who lack them have to catch up. */
  jumped(room: Room): void {
    // What waits in the window they do not lack.
    this.#write(room, this.#options.clock.monotonic());
    const head = room.history.head(room.id)?.seq ?? 0;
    for (const member of room.live) {
      if ((member.seq ?? 0) >= head) continue;
      room.live.delete(member);
      this.#options.onBehind(member, 'missed');
    }
  }

  /** Writes each open window, or says when it will be. To be called whenever the tail lets go of the event loop. */
  flush(): void {
    if (this.#touched.size === 0) return;
    const now = this.#options.clock.monotonic();
    const pressure = this.#options.pressure();
    for (const room of this.#touched) if (!this.#holds(room, now, pressure)) this.#write(room, now);
    this.#touched.clear();
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#touched.clear();
    this.#held.stop();
  }

  /** Whether the room's window goes on waiting. */
  #holds(room: Room, now: number, pressure: number): boolean {
    const { window, live } = room;
    if (window.bytes > MAX_WINDOW_BYTES) return false;
    if (window.dueAtMs !== null) return window.dueAtMs > now;
    const dueAtMs = window.flushedAtMs + windowMs(live.size, pressure, this.#options.windowMaxMs);
    if (dueAtMs <= now) return false;
    window.dueAtMs = dueAtMs;
    this.#held.add(room, dueAtMs);
    return true;
  }

  #onDue(room: Room): void {
    const { dueAtMs } = room.window;
    const now = this.#options.clock.monotonic();
    if (dueAtMs !== null && dueAtMs <= now) this.#write(room, now);
  }

  #write(room: Room, now: number): void {
    for (const events of pieces(room.window.take(now))) this.#deliver(room, new Delivery(events, room.history.logTime));
  }

  #deliver(room: Room, delivery: Delivery): void {
    const slowBytes = room.slow.bytes;
    let given = 0;
    let rests: Map<number, Delivery> | null = null;
    const { seq } = delivery.last;
    const next = (delivery.last.offset + 1) as Offset;
    for (const member of room.live) {
      const { sink } = member;
      if (sink.closed) continue;
      if (member.seq === null || member.seq + 1 !== delivery.firstSeq) {
        rests ??= new Map();
        this.#bringInLine(member, delivery, rests);
        continue;
      }
      if (!this.#give(member, delivery)) continue;
      member.gave(seq, next);
      given += 1;
      if (sink.bufferedBytes() <= slowBytes) continue;
      // A client is not slow because much came at once: it may be what nobody has offered to its socket yet.
      sink.writeOut();
      if (sink.bufferedBytes() <= slowBytes) continue;
      // Its own write may have closed the sink, and with it the membership.
      if (member.state !== 'live') continue;
      room.live.delete(member);
      this.#options.onBehind(member, 'slow');
    }
    this.#options.onWritten(given);
    this.#options.onDelivered(given * delivery.events.length);
    if (delivery.gaps > 0) this.#options.onExpired(given * delivery.gaps);
  }

  /** One broken way out must not keep the others from theirs. */
  #give({ sink, room }: Member, delivery: Delivery): boolean {
    try {
      sink.sendFramed(delivery.framed(sink));
      return true;
    } catch (thrown) {
      this.#options.logger.error({ err: thrown, room: room.id }, 'a member could not be written to');
      sink.close(1013, 'write failed');
      return false;
    }
  }

  /**
   * A member that has some of these events already (it went live while the window was open), or lacks earlier ones.
   * @param rests what was built for others, by the seq that they had
   */
  #bringInLine(member: Member, delivery: Delivery, rests: Map<number, Delivery>): void {
    const seq = member.seq ?? -1;
    if (seq >= delivery.last.seq) return;
    if (seq + 1 < delivery.firstSeq) {
      member.room.live.delete(member);
      this.#options.onBehind(member, 'missed');
      return;
    }
    const rest =
      rests.get(seq) ??
      new Delivery(
        delivery.events.filter((event) => event.seq > seq),
        member.room.history.logTime,
      );
    rests.set(seq, rest);
    if (!this.#give(member, rest)) return;
    member.gave(rest.last.seq, (rest.last.offset + 1) as Offset);
    this.#options.onWritten(1);
    this.#options.onDelivered(rest.events.length);
  }
}

/** Cuts events into runs of about `MAX_WINDOW_BYTES`, and at a hole, which only a fold that lost records leaves. */
function* pieces(window: readonly LogEvent[]): Generator<readonly LogEvent[]> {
  let start = 0;
  let bytes = 0;
  for (let index = 0; index < window.length; index += 1) {
    const event = window[index] as LogEvent;
    const isHole = index > start && (window[index - 1] as LogEvent).seq + 1 !== event.seq;
    if (isHole || bytes > MAX_WINDOW_BYTES) {
      yield window.slice(start, index);
      start = index;
      bytes = 0;
    }
    bytes += event.bytes;
  }
  if (start < window.length) yield window.slice(start);
}
