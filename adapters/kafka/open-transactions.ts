/**
 * Transactions of other producers that keep a partition's readable end back. Readers wait for them, for what lies behind may not be
 * shown before it is known what becomes of what lies in them; a producer that hangs holds everybody up until the broker
 * aborts it (`transaction.timeout.ms`, 15 minutes at most unless the brokers say otherwise). So it is told.
 */
import type { Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogSink } from '../../core/ports/logger.ts';

/** A transaction is short where all is well. */
export const OPEN_TRANSACTION_WARN_MS = 5_000;
/** Shorter ones are not worth a series. */
const SHOWN_FROM_MS = 1_000;

interface Open {
  /** Where reading stands still. */
  readonly at: number;
  readonly since: number;
  told: boolean;
}

export class OpenTransactions {
  readonly #topic: string;
  readonly #clock: Clock;
  readonly #logger: LogSink;
  /** One entry a partition at most. */
  readonly #open = new Map<Partition, Open>();

  constructor(topic: string, clock: Clock, logger: LogSink) {
    this.#topic = topic;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** What an answer said of the partition's ends; see `TailProgress`. */
  note(partition: Partition, end: number, written: number): void {
    if (written <= end) {
      if (this.#open.size > 0) this.forget(partition);
      return;
    }
    const now = this.#clock.monotonic();
    const open = this.#open.get(partition);
    if (open?.at !== end) {
      if (open) this.forget(partition);
      this.#open.set(partition, { at: end, since: now, told: false });
    } else if (!open.told && now - open.since >= OPEN_TRANSACTION_WARN_MS) {
      open.told = true;
      const line = { topic: this.#topic, partition, offset: end, recordsBehind: written - end };
      this.#logger.warn(line, 'readers wait for an open transaction of another producer');
    }
  }

  /** Closed, or not read any more. */
  forget(partition: Partition): void {
    if (this.#open.get(partition)?.told) {
      this.#logger.info({ topic: this.#topic, partition }, 'the open transaction does not hold readers up any more');
    }
    this.#open.delete(partition);
  }

  list(): Array<{ topic: string; partition: Partition; openMs: number }> {
    const now = this.#clock.monotonic();
    return [...this.#open]
      .map(([partition, { since }]) => ({ topic: this.#topic, partition, openMs: now - since }))
      .filter(({ openMs }) => openMs >= SHOWN_FROM_MS);
  }
}
