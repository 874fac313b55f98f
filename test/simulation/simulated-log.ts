/**
 * One simulated process's way to the log: the memory adapter does the work, as brokers would; requests and answers travel, and
 * may be lost, late, or come twice. Nothing of the process runs but in its own tasks: so a paused one hears nothing, and a
 * dead one sends nothing that it had not sent.
 */
import type { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import {
  type AppendBatch,
  type AppendOutcome,
  type EventLog,
  type GroupMember,
  type GroupOptions,
  heldBack,
  type LogRecord,
  type OffsetRange,
  type RangeOptions,
  type Tail,
  type TailOptions,
} from '../../core/ports/event-log.ts';
import type { Brokers } from './brokers.ts';
import type { Actor } from './scheduler.ts';
import { SimulatedMember } from './simulated-member.ts';
import { SimulatedTail } from './simulated-tail.ts';

/** A request without an answer failed after so many ms. */
const REQUEST_TIMEOUT_MS = 400;

export interface SimulatedLogOptions {
  /** Bytes of one fetch, small, so that batches are met in parts. */
  readonly fetchBytes: number;
}

export class SimulatedLog implements EventLog {
  readonly #brokers: Brokers;
  readonly #actor: Actor;
  readonly #inner: MemoryLog;
  readonly #options: SimulatedLogOptions;
  readonly #tails = new Set<SimulatedTail>();
  readonly #members = new Set<SimulatedMember>();
  #closed = false;

  constructor(brokers: Brokers, actor: Actor, options: SimulatedLogOptions) {
    this.#brokers = brokers;
    this.#actor = actor;
    this.#options = options;
    this.#inner = brokers.cluster.open(actor.name);
  }

  partitionCount(topic: string): Promise<number> {
    return this.ask(() => this.#inner.partitionCount(topic));
  }

  ranges(topic: string, partitions?: readonly Partition[]): Promise<Map<Partition, OffsetRange>> {
    return this.ask(() => this.#inner.ranges(topic, partitions));
  }

  offsetsAt(topic: string, timeMs: number, partitions?: readonly Partition[]): Promise<Map<Partition, Offset>> {
    return this.ask(() => this.#inner.offsetsAt(topic, timeMs, partitions));
  }

  async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
    return Promise.all(batches.map((batch) => this.#append(topic, batch)));
  }

  tail(options: TailOptions): Tail {
    const tail = new SimulatedTail(this.#brokers, this.#actor, this.#inner, {
      ...options,
      maxPartitionBytes: this.#options.fetchBytes,
    });
    this.#tails.add(tail);
    return tail;
  }

  async *readRange(options: RangeOptions): AsyncGenerator<readonly LogRecord[]> {
    const inner = this.#inner.readRange({ ...options, maxBytesPerFetch: this.#options.fetchBytes });
    for (;;) {
      if (options.signal?.aborted) return;
      const chunk = await this.ask(() => inner.next());
      if (chunk.done === true) return;
      yield chunk.value;
    }
  }

  async joinGroup(options: GroupOptions): Promise<GroupMember> {
    const member = new SimulatedMember(this.#brokers, this.#actor, this, options);
    try {
      await member.join();
    } catch (thrown) {
      member.abandon();
      throw thrown;
    }
    this.#members.add(member);
    return member;
  }

  reachable(): boolean {
    return this.#brokers.available && !this.#brokers.isCut(this.#actor);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const tail of this.#tails) await tail.stop();
    for (const member of this.#members) await member.leave();
  }

  /** The process is gone: brokers stop sending. */
  kill(): void {
    this.#closed = true;
    for (const tail of this.#tails) tail.kill();
  }

  /** A request to a broker that changes nothing there. Rejects with `kafka_unreachable`. */
  ask<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const unreachable = () => reject(new RoomlogError('kafka_unreachable', 'No answer came.'));
      this.#travel(work, { value: resolve, error: reject, lost: unreachable });
    });
  }

  /** There and back. `lost` where either way is closed. */
  #travel<T>(
    work: () => Promise<T>,
    answer: { value(value: T): void; error(error: unknown): void; lost(): void },
    delayMs = 0,
  ): void {
    const { scheduler } = this.#brokers;
    const actor = this.#actor;
    const timeOut = () => void scheduler.after(REQUEST_TIMEOUT_MS, actor, answer.lost);
    const back = (run: () => void) => {
      if (this.#brokers.isCut(actor)) timeOut();
      else scheduler.after(this.#brokers.latencyMs(), actor, run);
    };
    if (this.#brokers.isCut(actor)) {
      timeOut();
      return;
    }
    scheduler.after(this.#brokers.latencyMs() + delayMs, null, () => {
      work().then(
        (value) => back(() => answer.value(value)),
        (error) => back(() => answer.error(error)),
      );
    });
  }

  /** Leaves in a task of its own, as after a look for the leader: the process may have been paused before. */
  #append(topic: string, batch: AppendBatch): Promise<AppendOutcome> {
    const { scheduler, random } = this.#brokers;
    return new Promise((settle) => {
      scheduler.after(random.chance(0.9) ? 0.05 : random.between(0, 30), this.#actor, () => {
        if (this.#closed || batch.mayLeave?.() === false) settle(heldBack(batch.partition));
        else this.#send(topic, batch, settle);
      });
    });
  }

  #send(topic: string, batch: AppendBatch, settle: (outcome: AppendOutcome) => void): void {
    const { scheduler, random, weather } = this.#brokers;
    const actor = this.#actor;
    const { partition, records } = batch;
    const failed = (status: 'not_appended' | 'unknown'): AppendOutcome => ({
      partition,
      status,
      error: new RoomlogError('kafka_unreachable', 'Simulated.'),
    });
    const unknown = () => settle(failed('unknown'));
    const note = (what: string) => scheduler.trace.note(scheduler.now, actor.name, `${what} ${topic}/${partition}`);
    const arrive = async (): Promise<AppendOutcome> => {
      const [outcome] = await this.#brokers.cluster.open(actor.name).append(topic, [{ partition, records }]);
      if (outcome?.status === 'appended') note(`${records.length} at ${outcome.baseOffset} of`);
      return outcome as AppendOutcome;
    };
    const answer = { value: settle, error: unknown, lost: unknown };
    const timeOut = () => void scheduler.after(REQUEST_TIMEOUT_MS, actor, unknown);
    const later = (maxMs: number) => void scheduler.after(random.between(0, maxMs), null, () => void arrive());
    let draw = random.next();
    const is = (probability: number): boolean => {
      draw -= probability;
      return draw < 0;
    };
    if (is(weather.requestLost)) {
      note('lost: an append to');
      timeOut();
    } else if (is(weather.responseLost)) {
      note('lost: the answer of');
      later(2);
      timeOut();
    } else if (is(weather.late)) {
      note('late: an append to');
      later(weather.lateMs);
      timeOut();
    } else if (is(weather.repeated)) {
      note('twice: an append to');
      this.#travel(arrive, answer);
      later(weather.lateMs);
    } else if (is(weather.notAppended)) {
      scheduler.after(this.#brokers.latencyMs(), actor, () => settle(failed('not_appended')));
    } else this.#travel(arrive, answer);
  }
}
