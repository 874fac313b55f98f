/**
 * Notices that no broker answers for partitions that are waited for, and that they do again; and asks for their reading to be started anew
 * when it makes no progress, whatever the reason.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';

const CHECK_EVERY_MS = 500;
/** A check that comes later than this says that this process stood still: what it could not have read is nobody's silence. */
const LATE_MS = 1_000;

export interface StallWatchOptions {
  readonly clock: Clock;
  /** No answer for this long is a stall, and the first reason to start again; further ones come after twice as long each. */
  readonly stallMs: number;
  /** The longest time between two starts: an answer may just be that slow. */
  readonly longestMs: number;
  onChange(error: RoomlogError | null): void;
  onRestart(partitions: readonly Partition[]): void;
}

interface Waiting {
  since: number;
  restartAfterMs: number;
  restartAt: number;
}

export class StallWatch {
  readonly #options: StallWatchOptions;
  /** Each partition that should be answered. */
  readonly #waiting = new Map<Partition, Waiting>();
  /** The partitions reported last, in order. */
  #reported = '';
  #timer: NodeJS.Timeout | null = null;
  #checkedAt = 0;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  expect(partition: Partition): void {
    const since = this.#options.clock.monotonic();
    const { stallMs } = this.#options;
    this.#waiting.set(partition, { since, restartAfterMs: stallMs, restartAt: since + stallMs });
    if (this.#timer !== null) return;
    this.#checkedAt = since;
    this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  answered(partition: Partition): void {
    const waiting = this.#waiting.get(partition);
    if (waiting === undefined) return;
    const { stallMs } = this.#options;
    waiting.since = this.#options.clock.monotonic();
    waiting.restartAfterMs = stallMs;
    waiting.restartAt = waiting.since + stallMs;
    if (this.#reported !== '') this.#check();
  }

  forget(partition: Partition): void {
    this.#waiting.delete(partition);
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#waiting.clear();
  }

  #check(): void {
    const { stallMs } = this.#options;
    const now = this.#options.clock.monotonic();
    this.#forgive(now);
    this.#restart(now);
    const silent = [...this.#waiting]
      .filter(([, { since }]) => now - since >= stallMs)
      .map(([partition]) => partition)
      .sort((a, b) => a - b);
    const names = silent.join();
    if (names === this.#reported) return;
    this.#reported = names;
    const message = `No broker has answered for ${silent.length} partitions for ${stallMs} ms.`;
    const details = { partitions: silent };
    this.#options.onChange(silent.length > 0 ? new RoomlogError('kafka_unreachable', message, { details }) : null);
  }

  #forgive(now: number): void {
    const lateMs = now - this.#checkedAt - CHECK_EVERY_MS;
    this.#checkedAt = now;
    if (lateMs <= LATE_MS) return;
    for (const waiting of this.#waiting.values()) {
      // One that is waited for since the standstill ended has nothing to be forgiven.
      const forgivenMs = Math.min(lateMs, now - waiting.since);
      waiting.since += forgivenMs;
      waiting.restartAt += forgivenMs;
    }
  }

  #restart(now: number): void {
    const due = [...this.#waiting].filter(([, { restartAt }]) => now >= restartAt);
    for (const [, waiting] of due) {
      waiting.restartAfterMs = Math.min(this.#options.longestMs, 2 * waiting.restartAfterMs);
      waiting.restartAt = now + waiting.restartAfterMs;
    }
    if (due.length > 0) this.#options.onRestart(due.map(([partition]) => partition));
  }
}
