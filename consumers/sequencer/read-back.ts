/**
 * One outbound partition, folded as it grows: what the sequencer believes. It is read from its start before the first
 * claim counts, goes on while the partition is ours, and for a while after it was lost, so that taking it back is quick.
 */
import { Buffer } from 'node:buffer';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import { type Epoch, NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import { FOLD_VERSION, type OutboundRecord } from '../../core/log/record.ts';
import type { LogRecord, Tail, TailProgress } from '../../core/ports/event-log.ts';
import { decodeOutbound } from '../decode-outbound.ts';
import type { SequencerContext } from './context.ts';
import { Expected } from './expected.ts';
import type { Pulse } from './pulse.ts';
import { RecentPoison, windowBytes } from './recent-poison.ts';

export class ReadBack {
  readonly partition: Partition;
  /** What the process that writes to this partition has sent. */
  readonly expected = new Expected();
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
  /** The timestamp of the inbound record at `lastInbound`, as outbound has it; 0 where it does not say. */
  lastInboundTime = 0;
  /** Bytes read since the newest claim. */
  bytesSinceClaim = 0;

  constructor(partition: Partition, context: SequencerContext, tail: Tail, pulse: Pulse) {
    this.partition = partition;
    this.#context = context;
    this.#tail = tail;
    this.#pulse = pulse;
    this.#fold = this.#newFold();
    this.#poison = this.#newPoison();
  }

  get fold(): Fold {
    return this.#fold;
  }

  get epoch(): Epoch {
    return this.#fold.chain.epoch;
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

  /** Forgets everything and reads again from the newest usable start: offset 0, as long as there are no snapshots. */
  restart(): void {
    this.#session++;
    this.#reading = true;
    this.#fault = null;
    this.#caughtUp = false;
    this.#awaitedAt = null;
    this.#fold = this.#newFold();
    this.#poison = this.#newPoison();
    this.lastInboundTime = 0;
    this.bytesSinceClaim = 0;
    this.#tail.assign(this.partition, 0 as Offset);
  }

  /** Stops reading and lets the memory go. */
  close(): void {
    this.#session++;
    this.#reading = false;
    this.#tail.release(this.partition);
    this.#fold = this.#newFold();
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
      if (pace.due()) {
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
    this.#caughtUp = progress.next >= progress.end;
    this.#pulse.beat();
  }

  /** The tail's error handler: the partition can't be read on. */
  onError(error: RoomlogError): void {
    if (!this.#reading || this.#fault !== null) return;
    if (error.code === 'offset_out_of_range') {
      const { start } = error.details;
      this.#stop(
        new RoomlogError(
          'fold_halted',
          `Outbound partition ${this.partition} begins at ${String(start)}: older records were deleted, and they are needed. Set its retention to unlimited (stream.outboundRetentionMs -1).`,
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
    if (verdict.kind === 'accepted') {
      this.lastInboundTime = outbound.inboundTime;
      this.#poison.note(outbound, bytes);
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

  #stop(error: RoomlogError, offset: Offset | null): void {
    this.#fault = error;
    this.#tail.release(this.partition);
    this.#context.metrics.foldFault();
    this.#context.logger.error(
      { partition: this.partition, offset: offset ?? NO_OFFSET, code: error.code, message: error.message },
      'outbound can not be folded on; nothing is written to this partition',
    );
    this.#pulse.beat();
  }

  #newFold(): Fold {
    const { sessionMaxAgeMs, keyWindowMs } = this.#context.config;
    return new Fold({ publishers: { sessionMaxAgeMs, keyWindowMs } });
  }

  #newPoison(): RecentPoison {
    return new RecentPoison(windowBytes(this.#context.config.batchBytes));
  }
}
