/**
 * One outbound partition as this gateway follows it: record by record through the fold; what is accepted goes into the hot ring and
 * to whoever listens. A fault of the log is read again once from the start, since this reader may have missed records; the same
 * fault a second time halts the partition, and only this one.
 */
import { RoomlogError } from '../../core/errors.ts';
import { NO_EPOCH, NO_OFFSET, type Offset, type Partition, type RoomId } from '../../core/ids.ts';
import type { Chain, Verdict } from '../../core/log/chain.ts';
import { Fold } from '../../core/log/fold.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { RoomHead } from '../../core/log/room-heads.ts';
import type { LogRecord, OffsetRange, TailProgress } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { Anchors, type AnchorsOptions } from '../history/anchors.ts';
import { LogEvent } from '../history/log-event.ts';
import type { PartitionHistory } from '../history/partition-history.ts';
import { Ring } from '../history/ring.ts';
import { decodeOutbound } from './decode.ts';
import type { LoopBudget } from './loop-budget.ts';
import type { PartitionListener } from './partition-listener.ts';
import type { StreamIdentity } from './stream-identity.ts';
import { Waiters } from './waiters.ts';

/** Records folded between two looks at the clock. */
const RECORDS_PER_LOOK = 32;

export interface FollowedPartitionOptions {
  readonly partition: Partition;
  /** P, which every claim must have too. */
  readonly partitions: number;
  readonly codec: Codec;
  readonly identity: StreamIdentity;
  readonly budget: LoopBudget;
  readonly ringBytes: number;
  readonly anchors: AnchorsOptions;
  readonly logger: LogSink;
  readonly listener: PartitionListener;
}

export class FollowedPartition implements PartitionHistory {
  readonly partition: Partition;
  readonly ring: Ring;
  readonly anchors: Anchors;
  readonly #options: FollowedPartitionOptions;
  readonly #waiters = new Waiters();
  #fold = new Fold();
  /** While reading again: takes the place of `#fold` once it has come as far. */
  #rebuilding: Fold | null = null;
  #start: Offset = 0 as Offset;
  #next: Offset = 0 as Offset;
  /** Everything below was handed out. */
  #position: Offset = 0 as Offset;
  #end: Offset = 0 as Offset;
  #newestExpiring: Offset = NO_OFFSET;
  /** Moves on when the tail is moved, so that a chunk in the works is dropped. */
  #generation = 0;
  #faultAt: Offset = NO_OFFSET;
  #halted: RoomlogError | null = null;

  constructor(options: FollowedPartitionOptions) {
    this.partition = options.partition;
    this.#options = options;
    this.ring = new Ring(options.ringBytes);
    this.anchors = new Anchors(options.anchors);
  }

  get position(): Offset {
    return this.#position;
  }

  get logTime(): number {
    return this.#fold.chain.logTime;
  }

  get newestClaim(): Offset {
    return this.#fold.chain.epoch as number as Offset;
  }

  get complete(): boolean {
    return this.#fold.chain.complete;
  }

  get newestExpiring(): Offset {
    return this.#newestExpiring;
  }

  get streamId(): string {
    const { id } = this.#options.identity;
    if (id === null) throw new RoomlogError('unavailable', 'No sequencer has claimed this stream yet.');
    return id;
  }

  /** Why it stopped; null while it runs. */
  get halted(): RoomlogError | null {
    return this.#halted;
  }

  /** Reading again after a fault. */
  get reloading(): boolean {
    return this.#rebuilding !== null;
  }

  /** Records that the log has and this fold has not. */
  get lag(): number {
    return this.#halted === null ? Math.max(0, this.#end - this.#next) : 0;
  }

  head(room: RoomId): RoomHead | undefined {
    return this.#fold.heads.get(room);
  }

  folded(offset: Offset, timeoutMs: number): Promise<boolean> {
    return this.#waiters.wait(offset + 1, this.#position, timeoutMs);
  }

  retentionPassed(start: Offset): void {
    this.anchors.dropBelow(start);
    const { chain } = this.#fold;
    if (this.anchors.size === 0 && chain.settled) this.anchors.note(chain.anchor(this.#position));
  }

  /**
   * Begins at the oldest record there is; returns the offset to tail from. Resolves `caughtUp` when the end of the range was
   * folded; it rejects when the partition halts before.
   */
  begin({ start, end }: OffsetRange): { from: Offset; caughtUp: Promise<void> } {
    this.#fold = this.#foldFrom(start);
    this.#next = start;
    this.#position = start;
    this.#end = end;
    const caughtUp = this.#waiters.reached(end, start);
    return { from: start, caughtUp };
  }

  async take(records: readonly LogRecord[], progress: TailProgress): Promise<void> {
    const generation = this.#generation;
    const isCurrent = (): boolean => this.#generation === generation && this.#halted === null;
    if (!isCurrent()) return;
    this.#end = progress.end;
    const { budget, listener } = this.#options;
    try {
      for (let index = 0; index < records.length; index += 1) {
        if (index % RECORDS_PER_LOOK === 0 && budget.spent()) {
          listener.onPause();
          await budget.turn();
          if (!isCurrent()) return;
        }
        const { offset, value } = records[index] as LogRecord;
        if (offset < this.#next) continue;
        let record = decodeOutbound(this.#options.codec, value, this.#options.logger, isCurrent);
        if (record instanceof Promise) {
          listener.onPause();
          record = await record;
          if (!isCurrent()) return;
        }
        if (!this.#apply(offset, record as OutboundRecord, value?.length ?? 0)) return;
      }
      if (progress.next > this.#next) this.#advance(progress.next);
    } catch (thrown) {
      if (!isCurrent()) return;
      this.halt(
        thrown instanceof RoomlogError ? thrown : new RoomlogError('fold_halted', undefined, { cause: thrown }),
      );
    } finally {
      listener.onPause();
      this.#waiters.settle(this.#position);
    }
  }

  /** The tail could not go on. */
  fail(error: RoomlogError): void {
    const { start, end } = error.details;
    if (
      error.code !== 'offset_out_of_range' ||
      typeof start !== 'number' ||
      typeof end !== 'number' ||
      end < this.#next
    ) {
      this.halt(error);
      return;
    }
    this.#options.logger.error(
      { err: error, partition: this.partition, next: this.#next, start },
      'retention has passed this gateway: its members in this partition get a gap',
    );
    this.retentionPassed(start as Offset);
    this.#reload(start as Offset, false);
  }

  halt(error: RoomlogError): void {
    if (this.#halted !== null) return;
    this.#halted = error;
    this.#generation += 1;
    this.#options.logger.error({ err: error, partition: this.partition, offset: this.#next }, 'partition halted');
    this.#options.listener.onHalt(error);
    this.#waiters.fail(error);
  }

  /** No record is taken after this. */
  stop(): void {
    this.#generation += 1;
    this.#waiters.fail(new RoomlogError('draining'));
  }

  #foldFrom(start: Offset): Fold {
    this.#start = start;
    const fold = new Fold({ start: start === 0 ? 'start' : 'claim' });
    if (start === 0) this.anchors.note(fold.chain.anchor(start));
    else {
      this.#options.logger.warn(
        { partition: this.partition, start },
        'the oldest records are gone: reading starts at the first claim that is left',
      );
    }
    return fold;
  }

  /** False where the rest of the chunk must not be looked at. */
  #apply(offset: Offset, record: OutboundRecord, bytes: number): boolean {
    const fold = this.#rebuilding ?? this.#fold;
    const { chain } = fold;
    if (!chain.complete && chain.epoch === NO_EPOCH && record.claim === null) {
      this.#options.listener.onVerdict('unprovable');
      this.#advance((offset + 1) as Offset);
      return true;
    }
    const verdict = fold.apply(offset, record);
    this.#options.listener.onVerdict(verdict.kind);
    if (verdict.kind === 'fault') {
      this.#fault(offset, verdict);
      return false;
    }
    if (verdict.kind === 'claim') this.#learn(chain);
    const isNew = offset >= this.#position;
    this.#advance((offset + 1) as Offset);
    if (!isNew) return true;
    if (verdict.kind === 'accepted' && this.anchors.size === 0)
      this.anchors.note({ ...chain.anchor(offset), lastInbound: record.prevInbound });
    this.anchors.passed(chain, this.#position, bytes);
    if (verdict.kind === 'accepted') this.#accept(offset, record);
    return true;
  }

  /** Throws `stream_mismatch`, `partition_mismatch`. */
  #learn({ streamId, partitions }: Chain): void {
    if (streamId !== null) this.#options.identity.learn(streamId);
    const expected = this.#options.partitions;
    if (partitions !== null && partitions !== expected) {
      throw new RoomlogError('partition_mismatch', undefined, { details: { expected, found: partitions } });
    }
  }

  #accept(offset: Offset, { event, answer }: OutboundRecord): void {
    if (event !== null) {
      const accepted = new LogEvent(this.streamId, this.partition, offset, event);
      if (event.expiresAt !== null) this.#newestExpiring = offset;
      this.ring.push(accepted);
      this.#options.listener.onEvent(accepted);
    } else if (answer !== null) this.#options.listener.onAnswer(answer);
  }

  #advance(next: Offset): void {
    this.#next = next;
    if (next < this.#position) return;
    this.#position = next;
    if (this.#rebuilding === null) return;
    this.#fold = this.#rebuilding;
    this.#rebuilding = null;
    this.#options.logger.info({ partition: this.partition, offset: next }, 'partition read again');
  }

  #fault(offset: Offset, fault: Extract<Verdict, { kind: 'fault' }>): void {
    const mayHaveMissed = fault.fault === 'epoch_ahead' || fault.fault === 'chain_gap';
    if (!mayHaveMissed || this.#rebuilding !== null || offset <= this.#faultAt) {
      const code = fault.fault === 'stream_conflict' ? 'stream_mismatch' : 'fold_halted';
      this.halt(new RoomlogError(code, fault.message, { details: { fault: fault.fault } }));
      return;
    }
    this.#faultAt = offset;
    this.#options.logger.error(
      { partition: this.partition, offset, fault: fault.fault },
      `${fault.message}; reading again`,
    );
    this.#reload(this.#start, true);
  }

  /** @param keeps whether what was folded stays true until the new fold has come as far. */
  #reload(from: Offset, keeps: boolean): void {
    this.#generation += 1;
    const fold = this.#foldFrom(from);
    if (keeps) this.#rebuilding = fold;
    else {
      this.#rebuilding = null;
      this.#fold = fold;
      this.#position = from;
    }
    this.#next = from;
    this.#options.listener.onReload(from);
  }
}
