/** A tail whose fetches travel: what the memory adapter hands over reaches the process as a task of its own. */
import type { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { LogRecord, Tail, TailOptions, TailProgress } from '../../core/ports/event-log.ts';
import type { Brokers } from './brokers.ts';
import type { Actor } from './scheduler.ts';

/** Silence after which a tail says that nobody answers, ms. */
const STALL_AFTER_MS = 300;

export class SimulatedTail implements Tail {
  readonly #brokers: Brokers;
  readonly #actor: Actor;
  readonly #options: TailOptions;
  readonly #inner: Tail;
  /** The last move of each partition, no two the same: what was fetched before one is not handed over after it. */
  readonly #moves = new Map<Partition, number>();
  readonly #paused = new Map<Partition, Array<() => void>>();
  #lastMove = 0;
  #stopped = false;
  #stalled = false;

  constructor(brokers: Brokers, actor: Actor, log: MemoryLog, options: TailOptions) {
    this.#brokers = brokers;
    this.#actor = actor;
    this.#options = options;
    this.#inner = log.tail({
      topic: options.topic,
      ...(options.maxPartitionBytes === undefined ? {} : { maxPartitionBytes: options.maxPartitionBytes }),
      onRecords: (partition, records, progress) => this.#carry(partition, records, progress),
      onError: (partition, error) => {
        const move = this.#moves.get(partition);
        this.#inTask(() => {
          if (move !== undefined && this.#moves.get(partition) === move) options.onError(partition, error);
        });
      },
      // News of it may overtake each other: what counts is how it is when they come.
      onStall: (error) => this.#inTask(() => this.#stall(brokers.available ? null : error)),
    });
  }

  assign(partition: Partition, from: Offset): void {
    this.#move(partition);
    this.#inner.assign(partition, from);
  }

  release(partition: Partition): void {
    this.#move(partition);
    this.#moves.delete(partition);
    this.#inner.release(partition);
  }

  pause(partition: Partition): void {
    if (!this.#paused.has(partition)) this.#paused.set(partition, []);
    this.#inner.pause(partition);
  }

  resume(partition: Partition): void {
    const held = this.#paused.get(partition) ?? [];
    this.#paused.delete(partition);
    for (const run of held) run();
    this.#inner.resume(partition);
  }

  /** What was being carried is dropped, so that nothing has to be waited for. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.kill();
  }

  kill(): void {
    for (const partition of [...this.#moves.keys()]) this.release(partition);
    void this.#inner.stop();
  }

  #move(partition: Partition): void {
    this.#lastMove++;
    this.#moves.set(partition, this.#lastMove);
    this.#paused.delete(partition);
  }

  /** Holds the partition's next fetch back until the process has taken this one. */
  #carry(partition: Partition, records: readonly LogRecord[], progress: TailProgress): Promise<void> {
    const move = this.#moves.get(partition);
    const isCurrent = () => !this.#stopped && move !== undefined && this.#moves.get(partition) === move;
    return new Promise((taken) => {
      const hand = () => {
        if (!isCurrent()) return taken();
        const held = this.#paused.get(partition);
        if (held !== undefined) {
          held.push(hand);
          return;
        }
        const result = this.#options.onRecords(partition, records, progress);
        if (result === undefined) taken();
        else result.then(taken, taken);
      };
      this.#inTask(hand);
    });
  }

  #inTask(run: () => void): void {
    const brokers = this.#brokers;
    if (brokers.isCut(this.#actor)) {
      brokers.scheduler.after(STALL_AFTER_MS, this.#actor, () => {
        if (brokers.isCut(this.#actor)) this.#stall(new RoomlogError('kafka_unreachable'));
      });
    }
    brokers.whenOpen(this.#actor, () => {
      const delayMs = brokers.latencyMs() + (brokers.fetchDelayMs.get(this.#actor) ?? 0);
      brokers.scheduler.after(delayMs, this.#actor, () => {
        if (this.#stalled && brokers.available) this.#stall(null);
        run();
      });
    });
  }

  #stall(error: RoomlogError | null): void {
    if (this.#stopped || this.#stalled === (error !== null)) return;
    this.#stalled = error !== null;
    this.#options.onStall?.(error);
  }
}
