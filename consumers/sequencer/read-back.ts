/**
 * One outbound partition, folded as it grows: what the sequencer believes. It is read from the newest usable snapshot, or
 * from offset 0, before the first claim counts, goes on while the partition is ours, and for a while after it was lost, so that taking it back is quick.
 */
import { Buffer } from 'node:buffer';
import { ALARMS, isTruncated } from '../../core/alarms.ts';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import { type Epoch, NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import { AnchorTrail } from '../../core/log/anchor-trail.ts';
import { Fold } from '../../core/log/fold.ts';
import { FOLD_VERSION, type OutboundRecord } from '../../core/log/record.ts';
import type { LogRecord, Tail, TailProgress } from '../../core/ports/event-log.ts';
import { decodeOutbound } from '../decode-outbound.ts';
import type { SequencerContext } from './context.ts';
import { Expected } from './expected.ts';
import type { Pulse } from './pulse.ts';
import { RecentPoison, windowBytes } from './recent-poison.ts';
import { Snapshots } from './snapshots.ts';
import { findStart } from './start.ts';

export class ReadBack {
  readonly partition: Partition;
  /** What the process that writes to this partition has sent. */
  readonly expected = new Expected();
  readonly snapshots: Snapshots;
  readonly #context: SequencerContext;
  readonly #tail: Tail;
  readonly #pulse: Pulse;
  /** Counts (re)starts: a handler that was suspended over one must not go on. */
  #session = 0;
  #reading = false;
  #fold: Fold;
  #fault: RoomlogError | null = null;
  #caughtUp = false;
  #poison: RecentPoison;
  #awaitedNonce: Buffer | null = null;
  #awaitedAt: Offset | null = null;
  /** Bytes read since the newest claim. */
  bytesSinceClaim = 0;
  #anchors = new AnchorTrail();
  #next: Offset = 0 as Offset;
  #located = false;
  /** The snapshot that reading started at. */
  #startedAt: Offset | null = null;
  /** Snapshots above this led to a fault. */
  #distrusted: Offset | null = null;
  #ending = new AbortController();

  constructor(partition: Partition, context: SequencerContext, tail: Tail, pulse: Pulse) {
    this.partition = partition;
    this.#context = context;
    this.#tail = tail;
    this.#pulse = pulse;
    this.snapshots = new Snapshots(partition, context);
    this.#fold = this.#newFold();
    this.#poison = this.#newPoison();
  }

  get fold(): Fold {
    return this.#fold;
  }

  get epoch(): Epoch {
    return this.#fold.chain.epoch;
  }

  /** The timestamp of the inbound record at `lastInbound`, as outbound has it; 0 where it does not say. */
  get lastInboundTime(): number {
    return this.#fold.chain.lastInboundTime;
  }

  /** The next record to be folded. */
  get next(): Offset {
    return this.#next;
  }

  /** Whether it is known where reading starts: nothing is claimed before. */
  get located(): boolean {
    return this.#located;
  }

  get anchors(): AnchorTrail {
    return this.#anchors;
  }

  get lastInbound(): Offset {
    return this.#fold.chain.lastInbound;
  }

  /** Why reading has stopped; `fold_halted` or what the tail said. */
  get fault(): RoomlogError | null {
    return this.#fault;
  }

  /** Whether the last answer reached the end that the partition had then. */
  get caughtUp(): boolean {
    return this.#caughtUp;
  }

  get reading(): boolean {
    return this.#reading;
  }

  get poison(): RecentPoison {
    return this.#poison;
  }

  /** Starts reading, unless it does already. */
  open(): void {
    if (!this.#reading) this.restart();
  }

  /**
   * Forgets everything and reads again from the newest usable snapshot, or from offset 0. After a fault, a snapshot that reading
   * had started at is not believed again.
   */
  restart(): void {
    this.#end();
    this.#reading = true;
    this.#fault = null;
    this.#caughtUp = false;
    this.#awaitedAt = null;
    this.#forget();
    void this.#locate(this.#session, this.#ending.signal);
  }

  /** Stops reading and lets the memory go. */
  close(): void {
    this.#end();
    this.#reading = false;
    this.#distrusted = null;
    this.#forget();
  }

  /** From now on `claimReadAt` tells where the claim with this nonce stands. One at a time. */
  awaitClaim(nonce: Uint8Array): void {
    this.#awaitedNonce = Buffer.from(nonce);
    this.#awaitedAt = null;
  }

  /** The offset at which the awaited claim was read, the newest if it stands there twice; null as long as it was not. */
  get claimReadAt(): Offset | null {
    return this.#awaitedAt;
  }

  /** The tail's handler. */
  async onRecords(records: readonly LogRecord[], progress: TailProgress): Promise<void> {
    const session = this.#session;
    const current = () => session === this.#session && this.#fault === null;
    if (!current()) return;
    const { pace } = this.#context;
    for (const record of records) {
      if (pace.due(record.value?.length ?? 0)) {
        this.#pulse.beat();
        await pace.turn();
        if (!current()) return;
      }
      try {
        const decoded =
          this.expected.take(record.value) ??
          decodeOutbound(this.#context.codec, record.value, current, this.#context.logger);
        const outbound = decoded instanceof Promise ? await decoded : decoded;
        if (!current()) return;
        this.#apply(record, outbound);
      } catch (thrown) {
        if (current()) this.#stop(asRoomlogError(thrown, 'fold_halted'), record.offset);
      }
      if (!current()) return;
    }
    if (progress.next > this.#next) this.#next = progress.next;
    this.#caughtUp = progress.next >= progress.end;
    this.#pulse.beat();
  }

  /** The tail's error handler: the partition can't be read on. */
  onError(error: RoomlogError): void {
    if (!this.#reading || this.#fault !== null) return;
    if (error.code === 'offset_out_of_range') {
      const { start, end, offset } = error.details;
      if (isTruncated(error.details)) {
        const message = `Outbound partition ${this.partition} ends at ${String(end)}, but it was read up to ${String(offset)}: it was recreated, or records were lost. ${ALARMS.outbound_truncated}`;
        const details = { fault: 'outbound_truncated' };
        this.#stop(new RoomlogError('fold_halted', message, { cause: error, details }), null);
        return;
      }
      this.#stop(
        new RoomlogError(
          'fold_halted',
          `Outbound partition ${this.partition} begins at ${String(start)} now: records that were not read yet were deleted. Raise retention.ms of the outbound topic.`,
          { cause: error },
        ),
        null,
      );
    } else this.#stop(error, null);
  }

  #apply(record: LogRecord, outbound: OutboundRecord): void {
    const verdict = this.#fold.apply(record.offset, outbound);
    const bytes = (record.value?.length ?? 0) + (record.key?.length ?? 0);
    this.bytesSinceClaim += bytes;
    if (verdict.kind !== 'fault') {
      this.#next = (record.offset + 1) as Offset;
      this.snapshots.folded(record.timestamp, outbound.event !== null);
      this.#anchors.passed(this.#fold.chain, this.#next, bytes);
    }
    if (verdict.kind === 'accepted') {
      this.#poison.note(outbound, bytes);
      if (outbound.answer !== null) this.#context.canaries.readBack(this.partition, outbound.answer);
    } else if (verdict.kind === 'claim') {
      this.bytesSinceClaim = 0;
      const { claim } = outbound;
      if (claim !== null && claim.foldVersion > FOLD_VERSION) {
        throw new RoomlogError(
          'fold_halted',
          `The claim at ${record.offset} follows rules of version ${claim.foldVersion}, this program knows ${FOLD_VERSION}: upgrade it.`,
        );
      }
      if (claim !== null && this.#awaitedNonce?.equals(claim.nonce)) this.#awaitedAt = record.offset;
    } else if (verdict.kind === 'fault') {
      throw new RoomlogError('fold_halted', `Outbound partition ${this.partition}: ${verdict.message}.`, {
        details: { fault: verdict.fault },
      });
    } else this.#context.metrics.dropped(verdict.kind, 1);
  }

  /** Finds where to start, and starts there. */
  async #locate(session: number, signal: AbortSignal): Promise<void> {
    const { partition, snapshots } = this;
    const { logger } = this.#context;
    const current = () => session === this.#session;
    try {
      const below = this.#distrusted;
      const loaded = await findStart({ partition, context: this.#context, snapshots, below, signal });
      if (!current()) return;
      if (loaded === null) this.#anchors.note(this.#fold.chain.anchor(0 as Offset));
      else {
        const { mark, fold, anchors, poison, bytesSinceClaim } = loaded;
        this.#startedAt = mark.offset;
        this.#next = mark.offset;
        this.#fold = fold;
        this.#anchors = new AnchorTrail(anchors);
        this.#poison.restore(poison);
        this.bytesSinceClaim = bytesSinceClaim;
        const { offset, epoch, lastInbound } = mark;
        logger.info({ partition, offset, epoch, lastInbound, rooms: fold.heads.size }, 'snapshot loaded');
      }
      this.#located = true;
      this.#tail.assign(partition, this.#next);
    } catch (thrown) {
      if (current()) this.#stop(asRoomlogError(thrown, 'fold_halted'), null);
    }
    this.#pulse.beat();
  }

  #stop(error: RoomlogError, offset: Offset | null): void {
    this.#fault = error;
    if (offset !== null && this.#startedAt !== null) this.#distrusted = (this.#startedAt - 1) as Offset;
    this.#tail.release(this.partition);
    this.#context.metrics.foldFault();
    this.#context.logger.error(
      { partition: this.partition, offset: offset ?? NO_OFFSET, code: error.code, message: error.message },
      'outbound can not be folded on; nothing is written to this partition',
    );
    this.#pulse.beat();
  }

  /** What is under way counts no more. */
  #end(): void {
    this.#session++;
    this.#ending.abort();
    this.#ending = new AbortController();
    this.#tail.release(this.partition);
  }

  #forget(): void {
    this.#fold = this.#newFold();
    this.#poison = this.#newPoison();
    this.#anchors = new AnchorTrail();
    this.#next = 0 as Offset;
    this.#startedAt = null;
    this.#located = false;
    this.bytesSinceClaim = 0;
  }

  #newFold(): Fold {
    const { sessionMaxAgeMs, keyWindowMs } = this.#context.config;
    return new Fold({ publishers: { sessionMaxAgeMs, keyWindowMs } });
  }

  #newPoison(): RecentPoison {
    return new RecentPoison(windowBytes(this.#context.config.batchBytes));
  }
}
