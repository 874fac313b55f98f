/**
 * One outbound partition as this gateway follows it: from a snapshot where there is one, record by record through the fold; what is accepted
 * goes into the hot ring and to whoever listens. A fault of the log is read again, since this reader may have missed records, each time
 * from further back, since a snapshot may be wrong. A fault that is still there halts the partition, and only this one.
 */
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import { NO_EPOCH, type Offset, type Partition, type RoomId } from '../../core/ids.ts';
import type { OutboundHead, OutboundRecord } from '../../core/log/record.ts';
import type { RoomHead } from '../../core/log/room-heads.ts';
import type { LogRecord, OffsetRange, TailProgress } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { Anchors, type AnchorsOptions } from '../history/anchors.ts';
import type { PartitionHistory } from '../history/partition-history.ts';
import type { Ring } from '../history/ring.ts';
import { decodeOutbound, decodeOutboundHead } from './decode.ts';
import { Faults, type FaultVerdict, type Retry, retentionPassedTo } from './faults.ts';
import { FoldInCharge } from './fold-in-charge.ts';
import { type FoldStart, foldStart } from './fold-start.ts';
import { HandOut } from './hand-out.ts';
import type { LoopBudget } from './loop-budget.ts';
import type { PartitionListener } from './partition-listener.ts';
import type { Snapshots } from './snapshots.ts';
import type { StreamIdentity } from './stream-identity.ts';
import { Waiters } from './waiters.ts';

/** Records folded between two looks at the clock. */
const RECORDS_PER_LOOK = 32;

export interface FollowedPartitionOptions {
  readonly partition: Partition;
  readonly codec: Codec;
  readonly identity: StreamIdentity;
  readonly snapshots: Pick<Snapshots, 'newest'>;
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
  readonly #faults = new Faults();
  readonly #handOut: HandOut;
  readonly #fold = new FoldInCharge();
  /** A place to read from is looked for; what the tail hands over meanwhile is dropped. */
  #seeking = false;
  /** The oldest record, when that was last asked for. */
  #oldest: Offset = 0 as Offset;
  #next: Offset = 0 as Offset;
  /** Everything below was handed out. */
  #position: Offset = 0 as Offset;
  #end: Offset = 0 as Offset;
  /** Moves on when the tail is moved, so that a chunk in the works is dropped. */
  #generation = 0;
  #halted: RoomlogError | null = null;

  constructor(options: FollowedPartitionOptions) {
    this.partition = options.partition;
    this.#options = options;
    this.anchors = new Anchors(options.anchors);
    this.#handOut = new HandOut({ ...options, streamId: () => this.streamId });
    this.ring = this.#handOut.ring;
  }

  get position(): Offset {
    return this.#position;
  }

  get logTime(): number {
    return this.#fold.known.chain.logTime;
  }

  get newestClaim(): Offset {
    return this.#fold.known.chain.epoch as number as Offset;
  }

  get complete(): boolean {
    return this.#fold.known.chain.complete;
  }

  get newestExpiring(): Offset {
    return this.#handOut.newestExpiring;
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
    return this.#fold.isRebuilding || this.#seeking;
  }

  /** Records that the log has and this fold has not. */
  get lag(): number {
    return this.#halted === null ? Math.max(0, this.#end - this.#next) : 0;
  }

  head(room: RoomId): RoomHead | undefined {
    return this.#fold.known.heads.get(room);
  }

  folded(offset: Offset, timeoutMs: number): Promise<boolean> {
    return this.#waiters.wait(offset + 1, this.#position, timeoutMs);
  }

  retentionPassed(start: Offset): void {
    this.anchors.dropBelow(start);
    const { chain } = this.#fold.known;
    if (this.anchors.size === 0 && chain.settled) this.anchors.note(chain.anchor(this.#position));
  }

  /**
   * Begins at the newest snapshot, else at the oldest record; resolves with the offset to tail from. `caughtUp` resolves when the end of
   * the range was folded; it rejects when the partition halts before. Throws `draining` once stopped, `stream_mismatch`.
   */
  async begin({ start, end }: OffsetRange): Promise<{ from: Offset; caughtUp: Promise<void> }> {
    this.#end = end;
    this.#oldest = start;
    this.#handOut.begin(end);
    const begun = await this.#seek(null);
    if (begun === null) throw new RoomlogError('draining');
    this.#jump(begun);
    return { from: begun.from, caughtUp: this.#waiters.reached(end, begun.from) };
  }

  async take(records: readonly LogRecord[], progress: TailProgress): Promise<void> {
    const generation = this.#generation;
    const isCurrent = (): boolean => this.#generation === generation && this.#halted === null;
    if (!isCurrent() || this.#seeking) return;
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
        const decode = this.#handOut.isPast(offset) ? decodeOutboundHead : decodeOutbound;
        if (value === null) throw new RoomlogError('corrupt_record', 'An outbound record has no value.');
        let record = decode(this.#options.codec, value, this.#options.logger, isCurrent);
        if (record instanceof Promise) {
          listener.onPause();
          record = await record;
          if (!isCurrent()) return;
        }
        const fault = this.#apply(offset, record as OutboundHead | OutboundRecord, value);
        if (fault === null) continue;
        listener.onPause();
        await this.#fault(offset, fault);
        return;
      }
      if (progress.next > this.#next) this.#advance(progress.next);
    } catch (thrown) {
      if (!isCurrent()) return;
      this.halt(asRoomlogError(thrown, 'fold_halted'));
    } finally {
      listener.onTaken();
      this.#waiters.settle(this.#position);
    }
  }

  /** The tail could not go on. */
  fail(error: RoomlogError): void {
    const start = retentionPassedTo(error, this.#next);
    if (start === null) {
      this.halt(error);
      return;
    }
    this.#options.logger.error(
      { err: error, partition: this.partition, next: this.#next, start },
      'retention has passed this gateway: its members in this partition get a gap',
    );
    this.#oldest = start;
    this.anchors.dropBelow(start);
    void this.#readAgain({ below: null, isSnapshotDoubted: false });
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

  /** Applies a record; the fault where the rest of the chunk must not be looked at. */
  #apply(offset: Offset, record: OutboundHead | OutboundRecord, bytes: Buffer): FaultVerdict | null {
    const { chain } = this.#fold.reading;
    if (!chain.complete && chain.epoch === NO_EPOCH && record.claim === null) {
      this.#options.listener.onVerdict('unprovable');
      this.#advance((offset + 1) as Offset);
      return null;
    }
    const verdict = this.#fold.reading.applyHead(offset, record);
    this.#options.listener.onVerdict(verdict.kind);
    if (verdict.kind === 'fault') return verdict;
    if (verdict.kind === 'claim') this.#options.identity.learnFrom(chain);
    const isNew = offset >= this.#position;
    this.#advance((offset + 1) as Offset);
    if (verdict.kind === 'accepted' && this.anchors.size === 0)
      this.anchors.note({ ...chain.anchor(offset), lastInbound: record.prevInbound });
    this.anchors.passed(chain, this.#next, bytes.length);
    if (isNew && verdict.kind === 'accepted') {
      if ('answer' in record) this.#handOut.accepted(offset, record, bytes);
      else this.#handOut.passed(offset, record);
    }
    if (isNew && record.claim !== null) this.#options.listener.onClaim(record.claim);
    return null;
  }

  #advance(next: Offset): void {
    this.#next = next;
    if (next < this.#position) return;
    this.#position = next;
    if (!this.#fold.isRebuilding) return;
    this.#fold.take();
    this.#options.logger.info({ partition: this.partition, offset: next }, 'partition read again');
  }

  /** Throws the error to halt by where reading again can't help. */
  async #fault(offset: Offset, fault: FaultVerdict): Promise<void> {
    const retry = this.#faults.judge(fault, offset, this.#position, this.#fold.snapshot);
    this.#options.logger.error(
      { partition: this.partition, offset, fault: fault.fault, snapshot: this.#fold.snapshot },
      `${fault.message}; reading again`,
    );
    await this.#readAgain(retry);
  }

  async #readAgain({ below, isSnapshotDoubted }: Retry): Promise<void> {
    let start = await this.#seek(below);
    // A fold without the beginning would know less than one that goes on above what was handed out.
    if (start?.fold.chain.complete === false && !isSnapshotDoubted) start = await this.#seek(null);
    if (start === null) return;
    const jumps = start.from > this.#position;
    try {
      if (jumps) this.#jump(start);
      else this.#goBack(start, isSnapshotDoubted);
    } catch (thrown) {
      this.halt(asRoomlogError(thrown, 'fold_halted'));
      return;
    }
    this.#options.listener.onReload(start.from);
    if (jumps) this.#options.listener.onJump();
    this.#waiters.settle(this.#position);
  }

  /** Where to read from; null where the partition was stopped or halted meanwhile. @param below see `Snapshots.newest` */
  async #seek(below: Offset | null): Promise<FoldStart | null> {
    this.#generation += 1;
    const generation = this.#generation;
    this.#seeking = true;
    const loaded = await this.#options.snapshots.newest(this.partition, below);
    if (this.#generation !== generation) return null;
    this.#seeking = false;
    return foldStart(loaded, this.#oldest, this.partition, this.#options.logger);
  }

  /** Reads from `start` up to what was handed out; nothing is handed out twice. */
  #goBack(start: FoldStart, isSnapshotDoubted: boolean): void {
    if (isSnapshotDoubted) this.anchors.replace(start.anchors);
    this.#fold.rebuild(start);
    this.#advance(start.from);
  }

  /** The fold goes on at `start` whatever was handed out before. Throws `stream_mismatch`. */
  #jump(start: FoldStart): void {
    const { fold, from, anchors } = start;
    this.#options.identity.learnFrom(fold.chain);
    this.#fold.replace(start);
    this.#advance(from);
    this.anchors.replace(anchors);
    this.#handOut.jump(start);
  }
}
