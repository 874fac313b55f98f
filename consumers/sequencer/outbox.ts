/**
 * The way to outbound for all partitions of this process. Small batches that become ready together, or while a request is
 * under way, share one (fewer requests: lower latency at low load); large ones travel alone (faster at saturation). Each
 * partition's outcome is handed back alone. One try: whether to try again is the partition's decision.
 */

import { Gather } from '../../adapters/kafka/gather.ts';
import { asRoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { type AppendBatch, type AppendOutcome, type EventLog, heldBack } from '../../core/ports/event-log.ts';

/** A batch above this travels alone. */
const SHARED_BATCH_BYTES = 65_536;

interface Waiting {
  readonly batch: AppendBatch;
  readonly settle: (outcome: AppendOutcome) => void;
}

export class Outbox {
  readonly #log: EventLog;
  readonly #topic: string;
  #shared: Waiting[] = [];
  readonly #gather = new Gather(() => this.#flush());

  constructor(log: EventLog, topic: string) {
    this.#log = log;
    this.#topic = topic;
  }

  /** Never rejects. What a partition appends takes the place of what it has waiting here: that was read back meanwhile. */
  append(batch: AppendBatch, bytes: number): Promise<AppendOutcome> {
    return new Promise((settle) => {
      const waiting = { batch, settle };
      this.#drop(batch.partition);
      if (bytes > SHARED_BATCH_BYTES) {
        void this.#request([waiting]);
        return;
      }
      this.#shared.push(waiting);
      this.#gather.wake();
    });
  }

  /** A request that held a partition twice would get one answer for both. */
  #drop(partition: Partition): void {
    const at = this.#shared.findIndex(({ batch }) => batch.partition === partition);
    if (at >= 0) for (const { settle } of this.#shared.splice(at, 1)) settle(heldBack(partition));
  }

  async #flush(): Promise<void> {
    const shared = this.#shared;
    this.#shared = [];
    if (shared.length > 0) await this.#request(shared);
  }

  async #request(waiting: readonly Waiting[]): Promise<void> {
    let outcomes: readonly AppendOutcome[];
    try {
      outcomes = await this.#log.append(
        this.#topic,
        waiting.map(({ batch }) => batch),
      );
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'kafka_unreachable');
      outcomes = waiting.map(({ batch }) => ({ partition: batch.partition, status: 'unknown', error }));
    }
    for (const { batch, settle } of waiting) {
      settle(
        outcomes.find((outcome) => outcome.partition === batch.partition) ?? {
          partition: batch.partition,
          status: 'unknown',
          error: asRoomlogError(new Error('the answer left this partition out'), 'kafka_unreachable'),
        },
      );
    }
  }
}
