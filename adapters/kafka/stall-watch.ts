/** Notices that no broker answers for partitions that are waited for, and that they do again. */
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';

const CHECK_EVERY_MS = 500;

export class StallWatch {
  readonly #clock: Clock;
  readonly #stallMs: number;
  readonly #onChange: (error: RoomlogError | null) => void;
  /** Since when each partition that should be answered has not been. */
  readonly #waitingSince = new Map<Partition, number>();
  /** The partitions reported last, in order. */
  #reported = '';
  #timer: NodeJS.Timeout | null = null;

  /** No answer for `stallMs` is a stall. */
  constructor(clock: Clock, stallMs: number, onChange: (error: RoomlogError | null) => void) {
    this.#clock = clock;
    this.#stallMs = stallMs;
    this.#onChange = onChange;
  }

  expect(partition: Partition): void {
    this.#waitingSince.set(partition, this.#clock.monotonic());
    this.#timer ??= setInterval(() => this.#check(), CHECK_EVERY_MS);
  }

  answered(partition: Partition): void {
    if (!this.#waitingSince.has(partition)) return;
    this.#waitingSince.set(partition, this.#clock.monotonic());
    if (this.#reported !== '') this.#check();
  }

  forget(partition: Partition): void {
    this.#waitingSince.delete(partition);
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
    this.#waitingSince.clear();
  }

  #check(): void {
    const now = this.#clock.monotonic();
    const silent = [...this.#waitingSince]
      .filter(([, since]) => now - since >= this.#stallMs)
      .map(([partition]) => partition)
      .sort((a, b) => a - b);
    const names = silent.join();
    if (names === this.#reported) return;
    this.#reported = names;
    const message = `No broker has answered for ${silent.length} partitions for ${this.#stallMs} ms.`;
    const details = { partitions: silent };
    this.#onChange(silent.length > 0 ? new RoomlogError('kafka_unreachable', message, { details }) : null);
  }
}
