/**
 * Brings publishes to inbound. Per partition one batch is in flight at a time, so that a retry never overtakes what came
 * after it; the batches of all healthy partitions share one call. A batch whose outcome is unknown is sent again exactly as
 * it was: numbered publishes in it may then stand in inbound twice, and the sequencer answers `duplicate`.
 *
 *     idle ──records──▶ in flight ──appended──▶ idle
 *                        │     ▲
 *            unknown, or │     │ the same batch, after a back-off,
 *            not appended▼     │ while anyone still waits for it
 *                       backing off
 */

import { Gather } from '../../adapters/kafka/gather.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { AppendOutcome, AppendRecord, EventLog } from '../../core/ports/event-log.ts';

/** Bytes of one batch; well below inbound's `max.message.bytes`. A single larger record still goes alone. */
export const MAX_BATCH_BYTES = 262_144;
export const MAX_BATCH_RECORDS = 2_000;
const FIRST_RETRY_MS = 25;
const MAX_RETRY_MS = 1_000;

/** Who is told what became of records, by the number they were queued under. */
export interface AppendListener {
  /** Whether anyone still waits for the record; a batch nobody waits for is not tried again. */
  isWanted(counter: number): boolean;
  /** Surely not in the log. */
  onRefused(counter: number, error: RoomlogError): void;
  /** No try can be made any more, and an earlier one may have worked. */
  onUncertain(counter: number): void;
}

export interface AppendBatcherOptions {
  readonly log: EventLog;
  readonly topic: string;
  readonly partitions: number;
  readonly unavailableAfterMs: number;
  readonly clock: Clock;
  readonly listener: AppendListener;
  /** Told each try that failed, for metrics. */
  readonly onFailedTry?: (outcome: Exclude<AppendOutcome['status'], 'appended'>) => void;
}

interface QueuedRecord {
  readonly record: AppendRecord;
  readonly bytes: number;
  readonly counter: number;
}

interface Batch {
  readonly records: readonly QueuedRecord[];
  readonly firstTriedAtMs: number;
  /** An earlier try may have worked. */
  uncertain: boolean;
}

interface Lane {
  readonly partition: Partition;
  queue: QueuedRecord[];
  batch: Batch | null;
  /** Failed tries in a row. */
  failures: number;
  /** When the first of them was sent. */
  failingSinceMs: number | null;
  retryTimer: NodeJS.Timeout | null;
  /** How many records to send one by one, after a batch was too large. */
  singles: number;
}

export class AppendBatcher {
  readonly #options: AppendBatcherOptions;
  readonly #lanes: readonly Lane[];
  readonly #ready = new Set<Lane>();
  /** Batches are cut when the reads of this turn of the event loop are done, so that they hold all of them. */
  readonly #gather = new Gather(() => this.#flush());
  #queuedBytes = 0;
  #stopped = false;

  constructor(options: AppendBatcherOptions) {
    this.#options = options;
    this.#lanes = Array.from({ length: options.partitions }, (_, partition) => ({
      partition: partition as Partition,
      queue: [],
      batch: null,
      failures: 0,
      failingSinceMs: null,
      retryTimer: null,
      singles: 0,
    }));
  }

  /** Bytes not known to be in the log yet. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** False while Kafka has not taken this partition's batch for `unavailableAfterMs`, or can't be reached at all. */
  available(partition: Partition): boolean {
    const { log, clock, unavailableAfterMs } = this.#options;
    if (!log.reachable()) return false;
    const lane = this.#lanes[partition];
    // With nothing in flight the next publish finds out whether Kafka has recovered.
    if (lane === undefined || lane.batch === null) return true;
    const since = lane.failingSinceMs ?? lane.batch.firstTriedAtMs;
    return clock.monotonic() - since <= unavailableAfterMs;
  }

  add(partition: Partition, record: AppendRecord, counter: number): void {
    const lane = this.#lanes[partition];
    if (lane === undefined) throw new RangeError(`no partition ${partition}`);
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    this.#queuedBytes += bytes;
    lane.queue.push({ record, bytes, counter });
    this.#wake(lane);
  }

  /** Sends nothing more; what is in flight is let go. */
  stop(): void {
    this.#stopped = true;
    this.#gather.stop();
    for (const lane of this.#lanes) if (lane.retryTimer !== null) clearTimeout(lane.retryTimer);
  }

  #wake(lane: Lane): void {
    if (lane.batch !== null || lane.queue.length === 0 || this.#stopped) return;
    this.#ready.add(lane);
    this.#gather.wake();
  }

  async #flush(): Promise<void> {
    const together: Lane[] = [];
    for (const lane of this.#ready) {
      lane.batch = { records: this.#cut(lane), firstTriedAtMs: this.#options.clock.monotonic(), uncertain: false };
      // A partition in trouble goes alone: the others must not wait for its time-out.
      if (lane.failures > 0) void this.#send([lane]);
      else together.push(lane);
    }
    this.#ready.clear();
    if (together.length > 0) await this.#send(together);
  }

  #cut(lane: Lane): QueuedRecord[] {
    const limit = lane.singles > 0 ? 1 : MAX_BATCH_RECORDS;
    if (lane.singles > 0) lane.singles -= 1;
    let bytes = 0;
    let count = 0;
    for (const queued of lane.queue) {
      bytes += queued.bytes;
      if (count > 0 && (bytes > MAX_BATCH_BYTES || count >= limit)) break;
      count += 1;
    }
    if (count === lane.queue.length) {
      const all = lane.queue;
      lane.queue = [];
      return all;
    }
    return lane.queue.splice(0, count);
  }

  async #send(lanes: readonly Lane[]): Promise<void> {
    const { log, topic } = this.#options;
    const batches = lanes.map(({ partition, batch }) => ({
      partition,
      records: batch === null ? [] : batch.records.map(({ record }) => record),
    }));
    let outcomes: AppendOutcome[] = [];
    let failure: RoomlogError | null = null;
    try {
      outcomes = await log.append(topic, batches);
    } catch (cause) {
      failure = new RoomlogError('kafka_unreachable', undefined, { cause });
    }
    if (this.#stopped) return;
    for (const lane of lanes) {
      const outcome = outcomes.find(({ partition }) => partition === lane.partition);
      this.#settle(lane, outcome ?? { partition: lane.partition, status: 'unknown', error: failure ?? noOutcome() });
    }
  }

  #settle(lane: Lane, outcome: AppendOutcome): void {
    const { batch } = lane;
    if (batch === null) return;
    if (outcome.status === 'appended') {
      lane.failures = 0;
      lane.failingSinceMs = null;
      this.#release(lane, batch);
      return;
    }
    this.#options.onFailedTry?.(outcome.status);
    if (outcome.status === 'refused') this.#refuse(lane, batch, outcome.error);
    else this.#retry(lane, batch, outcome.status === 'unknown');
  }

  #release(lane: Lane, batch: Batch): void {
    for (const { bytes } of batch.records) this.#queuedBytes -= bytes;
    lane.batch = null;
    this.#wake(lane);
  }

  #refuse(lane: Lane, batch: Batch, error: RoomlogError): void {
    const tooLarge = error.code === 'too_large';
    if (tooLarge && batch.records.length > 1) {
      // Only one of them may be to blame.
      lane.queue = [...batch.records, ...lane.queue];
      lane.singles = batch.records.length;
      lane.batch = null;
      this.#wake(lane);
      return;
    }
    const { listener } = this.#options;
    const answer = tooLarge ? error : new RoomlogError('unavailable', undefined, { cause: error });
    for (const { counter } of batch.records) {
      // A size is too large at every try; any other refusal says nothing about an earlier try that may have worked.
      if (batch.uncertain && !tooLarge) listener.onUncertain(counter);
      else listener.onRefused(counter, answer);
    }
    this.#release(lane, batch);
  }

  #retry(lane: Lane, batch: Batch, uncertain: boolean): void {
    batch.uncertain ||= uncertain;
    lane.failures += 1;
    lane.failingSinceMs ??= batch.firstTriedAtMs;
    if (!batch.records.some(({ counter }) => this.#options.listener.isWanted(counter))) {
      this.#release(lane, batch);
      return;
    }
    const delayMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(lane.failures - 1, 10));
    lane.retryTimer = setTimeout(() => {
      lane.retryTimer = null;
      void this.#send([lane]);
    }, delayMs);
  }
}

const noOutcome = (): RoomlogError => new RoomlogError('kafka_refused', 'No outcome was given for this partition.');
