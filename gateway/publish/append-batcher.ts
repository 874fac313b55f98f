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
 *
 * A circuit breaker per partition opens when nothing was taken for `unavailableAfterMs`. While it is open the batch in trouble goes on being
 * tried, which is its probe; where nobody waits for that any more, the next publish is.
 */

import { Gather } from '../../adapters/kafka/gather.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { CircuitBreaker, type CircuitState } from '../../core/limits/circuit-breaker.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { AppendOutcome, AppendRecord, EventLog } from '../../core/ports/event-log.ts';

/** Bytes of one batch; well below inbound's `max.message.bytes`. A single larger record still goes alone. */
export const MAX_BATCH_BYTES = 262_144;
export const MAX_BATCH_RECORDS = 2_000;
const FIRST_RETRY_MS = 25;
const MAX_RETRY_MS = 1_000;
/** Longest pause between two publishes that find out whether Kafka takes them again. */
const MAX_PROBE_MS = 4_000;

/** Who is told what became of records, by the number they were queued under. */
export interface AppendListener {
  /** Whether anyone still waits for the record; a batch nobody waits for is not tried again. */
  isWanted(counter: number): boolean;
  /** Surely not in the log. */
  onRefused(counter: number, error: RoomlogError, partition: Partition): void;
  /** No try can be made any more, and an earlier one may have worked. */
  onUncertain(counter: number): void;
  /** Nobody waits for it any more, and it surely is not in the log. */
  onDropped(counter: number, partition: Partition): void;
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
  /** Told each time that a partition's circuit opens. */
  readonly onOpened?: () => void;
}

interface QueuedRecord {
  readonly record: AppendRecord;
  readonly bytes: number;
  readonly counter: number;
}

interface Batch {
  readonly records: readonly QueuedRecord[];
  /** An earlier try may have worked. */
  uncertain: boolean;
}

interface Lane {
  readonly partition: Partition;
  readonly circuit: CircuitBreaker;
  queue: QueuedRecord[];
  /** Of the queue and the batch. */
  bytes: number;
  batch: Batch | null;
  /** Failed tries in a row. */
  failures: number;
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
    const { clock, unavailableAfterMs, onOpened } = options;
    const circuit = {
      now: () => clock.monotonic(),
      // A leader's election fails a few tries; only time tells it from worse.
      maxFailures: Number.POSITIVE_INFINITY,
      maxTryingMs: unavailableAfterMs,
      pauseMs: MAX_RETRY_MS,
      maxPauseMs: MAX_PROBE_MS,
      ...(onOpened === undefined ? {} : { onOpened }),
    };
    this.#lanes = Array.from({ length: options.partitions }, (_, partition) => ({
      partition: partition as Partition,
      circuit: new CircuitBreaker(circuit),
      queue: [],
      bytes: 0,
      batch: null,
      failures: 0,
      retryTimer: null,
      singles: 0,
    }));
  }

  /** Bytes not known to be in the log yet; of one partition where it is given. */
  queuedBytes(partition?: Partition): number {
    return partition === undefined ? this.#queuedBytes : (this.#lanes[partition]?.bytes ?? 0);
  }

  /**
   * False while Kafka has not taken this partition's batch for `unavailableAfterMs`, or can't be reached at all. To be asked once for each
   * record that is then added: the answer may make it a probe.
   */
  admits(partition: Partition): boolean {
    if (!this.#options.log.reachable()) return false;
    const lane = this.#lanes[partition];
    if (lane === undefined || lane.circuit.state === 'closed') return true;
    return lane.batch === null && lane.queue.length === 0 && lane.circuit.admit();
  }

  /** How many partitions' circuits are in each state. */
  circuits(): Record<CircuitState, number> {
    const states: Record<CircuitState, number> = { closed: 0, open: 0, 'half-open': 0 };
    for (const { circuit } of this.#lanes) states[circuit.state] += 1;
    return states;
  }

  add(partition: Partition, record: AppendRecord, counter: number): void {
    const lane = this.#lanes[partition];
    if (lane === undefined) throw new RangeError(`no partition ${partition}`);
    const bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    this.#weigh(lane, bytes);
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
      const records = this.#cut(lane);
      if (records.length === 0) continue;
      lane.batch = { records, uncertain: false };
      lane.circuit.tried();
      // A partition in trouble goes alone: the others must not wait for its time-out.
      if (lane.failures > 0) void this.#send([lane]);
      else together.push(lane);
    }
    this.#ready.clear();
    if (together.length > 0) await this.#send(together);
  }

  #cut(lane: Lane): QueuedRecord[] {
    this.#dropUnwanted(lane);
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

  /** Those who waited longest are given up first: what they published is not sent after them, they will bring it again. */
  #dropUnwanted(lane: Lane): void {
    const { listener } = this.#options;
    const [oldest] = lane.queue;
    if (oldest === undefined || listener.isWanted(oldest.counter)) return;
    lane.queue = lane.queue.filter(({ counter, bytes }) => {
      if (listener.isWanted(counter)) return true;
      this.#weigh(lane, -bytes);
      listener.onDropped(counter, lane.partition);
      return false;
    });
  }

  #weigh(lane: Lane, bytes: number): void {
    lane.bytes += bytes;
    this.#queuedBytes += bytes;
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
      lane.circuit.succeeded();
      this.#release(lane, batch);
      return;
    }
    this.#options.onFailedTry?.(outcome.status);
    if (outcome.status === 'refused') this.#refuse(lane, batch, outcome.error);
    else this.#retry(lane, batch, outcome.status === 'unknown');
  }

  #release(lane: Lane, batch: Batch): void {
    for (const { bytes } of batch.records) this.#weigh(lane, -bytes);
    lane.batch = null;
    this.#wake(lane);
  }

  #refuse(lane: Lane, batch: Batch, error: RoomlogError): void {
    // An answer all the same.
    lane.circuit.succeeded();
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
      else listener.onRefused(counter, answer, lane.partition);
    }
    this.#release(lane, batch);
  }

  #retry(lane: Lane, batch: Batch, uncertain: boolean): void {
    batch.uncertain ||= uncertain;
    lane.failures += 1;
    lane.circuit.failed();
    const { listener } = this.#options;
    if (!batch.records.some(({ counter }) => listener.isWanted(counter))) {
      if (!batch.uncertain) for (const { counter } of batch.records) listener.onDropped(counter, lane.partition);
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
