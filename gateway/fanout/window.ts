/**
 * A room's flush window: the accepted events that wait to be written together, and how long they may wait.
 *
 * A write costs the same whether it carries one event or twenty, and writes are most of what a gateway does. So:
 *
 *     quiet room          no wait: the window is measured from the start of the last flush, which is long ago
 *     hot, few members    no wait: a window below a millisecond is none
 *     hot, many members   as long as its writes make worth while: two and a half times what one flush costs
 *     loop is busy        grows towards the bound for every room that is not quiet, down to the smallest
 *
 * Never above `gateway.flushWindowMaxMs`.
 */
import type { LogEvent } from '../history/log-event.ts';

/** What one socket write costs the event loop, ms: mostly the system call. Measured on several machines, roughly. */
const MS_PER_WRITE = 0.008;
/** As long as the bound allows, one room's writes take no more than one part in so many of the loop's time. */
const LOOP_PARTS = 2.5;
/** Timers know whole milliseconds. */
const MIN_WINDOW_MS = 1;

/**
 * The shortest time between the starts of two flushes of a room, ms; 0: whatever comes goes out at once.
 * @param members live ones
 * @param pressure 0 to 1: how much the loop needs fewer writes
 */
export function windowMs(members: number, pressure: number, maxMs: number): number {
  const worthWhile = Math.min(maxMs, members * MS_PER_WRITE * LOOP_PARTS);
  const length = worthWhile + pressure * (maxMs - worthWhile);
  return length < MIN_WINDOW_MS ? 0 : length;
}

export class FlushWindow {
  #events: LogEvent[] = [];
  #bytes = 0;
  #flushedAtMs = Number.NEGATIVE_INFINITY;
  /** When held events have to go, on the monotonic clock; null while none are held. */
  dueAtMs: number | null = null;

  /** About what the events weigh. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When the last flush began, on the monotonic clock. */
  get flushedAtMs(): number {
    return this.#flushedAtMs;
  }

  push(event: LogEvent): void {
    this.#events.push(event);
    this.#bytes += event.bytes;
  }

  /** Empties the window: its events are written now. */
  take(nowMs: number): readonly LogEvent[] {
    const events = this.#events;
    this.#events = [];
    this.#bytes = 0;
    this.#flushedAtMs = nowMs;
    this.dueAtMs = null;
    return events;
  }
}
