/** What of a partition's life in this process an operator must be told; see `core/alarms.ts`. */
import { type Alarms, alarmOf, OUTBOUND_ALARMS } from '../../core/alarms.ts';
import type { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';

/** How far an inbound timestamp may be ahead of this process's clock. */
export const CLOCK_AHEAD_MS = 300_000;

export class PartitionAlarms {
  readonly #partition: Partition;
  readonly #alarms: Alarms;
  readonly #clock: Clock;

  constructor(partition: Partition, { alarms, clock }: { readonly alarms: Alarms; readonly clock: Clock }) {
    this.#partition = partition;
    this.#alarms = alarms;
    this.#clock = clock;
  }

  halted(error: RoomlogError): void {
    const alarm = alarmOf(error);
    if (alarm !== null) this.#alarms.raise(alarm, this.#partition, error.message);
  }

  /** It is processed: outbound was folded up to an own claim. */
  works(): void {
    for (const alarm of OUTBOUND_ALARMS) this.#alarms.clear(alarm, this.#partition);
  }

  /** The partition is not ours any more: what becomes of it is not seen here, and its next owner looks for itself. */
  lost(): void {
    this.works();
    this.#alarms.clear('clock_ahead', this.#partition);
    this.#alarms.clear('inbound_recreated', this.#partition);
  }

  /** Log time is the highest timestamp, and never goes back: one that is far ahead ages sessions and keys for everybody. */
  inbound(newest: LogRecord): void {
    const aheadMs = newest.timestamp - this.#clock.now();
    if (aheadMs <= CLOCK_AHEAD_MS) {
      this.#alarms.clear('clock_ahead', this.#partition);
      return;
    }
    const at = new Date(newest.timestamp).toISOString();
    const minutes = Math.round(aheadMs / 60_000);
    const found = `inbound record ${newest.offset} is of ${at}, ${minutes} minutes ahead of this process's clock`;
    this.#alarms.raise('clock_ahead', this.#partition, found);
  }
}
