/**
 * One partition's life in this process: while it is ours, claim → rebuild → process, and again after every fence; while it
 * is not, folded on for a while, so that taking it back is quick.
 */
import { alarmOf } from '../../core/alarms.ts';
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import { type Epoch, NO_EPOCH, type Offset, type Partition } from '../../core/ids.ts';
import type { LogRecord, Tail, TailProgress } from '../../core/ports/event-log.ts';
import { claimPartition } from './claim.ts';
import type { SequencerContext } from './context.ts';
import { ContinuityWatch } from './continuity-watch.ts';
import { explainInbound, findInput } from './input.ts';
import { halted, interruptionOf, LOST } from './interruption.ts';
import { completeLetters } from './owed-letters.ts';
import { PartitionAlarms } from './partition-alarms.ts';
import { Process, type ProcessEnd } from './process.ts';
import { Pulse } from './pulse.ts';
import { ReadBack } from './read-back.ts';
import type { SnapshotReport } from './snapshots.ts';
import type { Tenure } from './tenure.ts';

/** How long a lost partition is folded on. */
export const WARM_MS = 60_000;
/** A second fault of the fold within this time of the first halts the partition: reading again did not help. */
const FAULT_MEMORY_MS = 600_000;
/** How long a halted partition leaves a foreign claim alone: whoever repairs writes what it claimed for within this. */
export const REPAIR_GRACE_MS = 3_000;

/** `claiming` includes the rebuild: both end when the own claim is read. */
export type PartitionState = 'cold' | 'warm' | 'claiming' | 'processing' | 'fenced' | 'halted';

export interface PartitionReport {
  readonly partition: Partition;
  readonly state: PartitionState;
  readonly epoch: Epoch;
  readonly lastInbound: Offset;
  /** Inbound records not answered yet; null while unknown. */
  readonly lagRecords: number | null;
  readonly waitsFor: string | null;
  /** Whether an append was sent and has no answer yet. */
  readonly appending: boolean;
  readonly rooms: number;
  readonly snapshot: SnapshotReport | null;
  readonly snapshotOverdue: boolean;
  readonly error: { readonly code: string; readonly message: string } | null;
}

export interface PartitionTails {
  readonly inbound: Tail;
  readonly outbound: Tail;
}

export class PartitionSequencer {
  readonly partition: Partition;
  readonly #context: SequencerContext;
  readonly #tails: PartitionTails;
  readonly #pulse = new Pulse();
  readonly #readBack: ReadBack;
  readonly #alarms: PartitionAlarms;
  readonly #continuity: ContinuityWatch;
  #state: PartitionState = 'cold';
  #tenure: Tenure | null = null;
  #process: Process | null = null;
  #halt: RoomlogError | null = null;
  #warmUntil = 0;
  #faultedAt: number | null = null;
  #inboundEnd: Offset | null = null;
  /** Records of inbound that a foreign producer's open transaction hides. */
  #inboundHidden = 0;
  #owning: Promise<void> = Promise.resolve();

  constructor(partition: Partition, context: SequencerContext, tails: PartitionTails) {
    this.partition = partition;
    this.#context = context;
    this.#tails = tails;
    this.#alarms = new PartitionAlarms(partition, context);
    this.#readBack = new ReadBack(partition, context, tails.outbound, this.#pulse);
    this.#continuity = new ContinuityWatch(context, this.#readBack);
  }

  get state(): PartitionState {
    return this.#state;
  }

  /** The group gave us the partition. An earlier tenure was lost before. */
  own(tenure: Tenure): void {
    this.#tenure = tenure;
    const before = this.#owning;
    this.#state = 'claiming';
    this.#owning = before.then(() => this.#own(tenure));
  }

  /** The group took it, or the membership was lost: from this call on nothing is sent. */
  lose(): void {
    this.#tenure?.lose();
    this.#tenure = null;
    this.#pulse.beat();
  }

  /** Finishes what is in flight; resolves when no work is left. */
  async close(): Promise<void> {
    this.#tenure?.close();
    this.#pulse.beat();
    await this.#owning;
  }

  /** Writes a snapshot, unless there is nothing new to write or it is not ours to write. Never rejects. */
  async snapshot(): Promise<void> {
    const tenure = this.#tenure;
    const { snapshots, located, epoch } = this.#readBack;
    if (tenure === null || !located || epoch === NO_EPOCH) return;
    await snapshots.write(
      this.#readBack,
      () => tenure.mayWrite && interruptionOf(tenure, this.#readBack, null) === null,
    );
  }

  /** The end: reading stops too, and a handler that waits for something gives up. */
  shut(): void {
    this.lose();
    this.#readBack.close();
  }

  /** The ticker: time may have made something due. */
  tick(): void {
    if (this.#state === 'warm' && this.#context.clock.monotonic() >= this.#warmUntil) {
      this.#state = 'cold';
      this.#readBack.close();
    }
    if (this.#tenure !== null) this.#readBack.snapshots.watch();
    if (this.#state === 'processing') this.#continuity.tick();
    if (this.#state === 'processing') {
      const { snapshots } = this.#readBack;
      if (snapshots.due) void this.snapshot();
    }
    this.#pulse.beat();
  }

  onInbound(records: readonly LogRecord[], progress: TailProgress): Promise<void> | undefined {
    this.#inboundEnd = progress.end;
    this.#inboundHidden = (progress.written ?? progress.end) - progress.end;
    const newest = records.at(-1);
    if (newest === undefined) return undefined;
    this.#alarms.inbound(newest);
    this.#context.share.came(this.partition, records.length);
    return this.#process?.offer(records) ?? undefined;
  }

  onInboundError(error: RoomlogError): void {
    this.#process?.fail(explainInbound(error, this.partition));
  }

  onOutbound(records: readonly LogRecord[], progress: TailProgress): Promise<void> {
    return this.#readBack.onRecords(records, progress);
  }

  onOutboundError(error: RoomlogError): void {
    this.#readBack.onError(error);
  }

  /** The next inbound offset to be answered, for lag displays; null unless it is ours and known. */
  get position(): Offset | null {
    return this.#state === 'processing' ? ((this.#readBack.lastInbound + 1) as Offset) : null;
  }

  report(): PartitionReport {
    const { epoch, lastInbound, fold } = this.#readBack;
    return {
      partition: this.partition,
      state: this.#state,
      epoch,
      lastInbound,
      lagRecords: this.#inboundEnd === null ? null : Math.max(0, this.#inboundEnd - lastInbound - 1),
      waitsFor: this.#process?.waitsFor ?? (this.#inboundHidden > 0 ? 'transaction' : null),
      appending: this.#process?.appending ?? false,
      rooms: fold.heads.size,
      snapshot: this.#readBack.snapshots.newest,
      snapshotOverdue: this.#readBack.snapshots.overdue,
      error: this.#halt === null ? null : { code: this.#halt.code, message: this.#halt.message },
    };
  }

  async #own(tenure: Tenure): Promise<void> {
    let takeOver = true;
    while (!tenure.closing) {
      const end: ProcessEnd = await this.#epoch(tenure, takeOver).catch((thrown: unknown): ProcessEnd => {
        // A bug of ours must not end the process, and with it the partitions that work.
        return tenure.closing ? LOST : halted(asRoomlogError(thrown, 'fold_halted'));
      });
      takeOver = end.kind !== 'claim_due';
      if (end.kind === 'lost') break;
      if (end.kind === 'fenced') await this.#waitOutFence(tenure);
      if (end.kind === 'faulted') await this.#recover(tenure);
      if (end.kind === 'halted') await this.#standStill(tenure, end.error);
    }
    this.#cool();
  }

  /** One claim and the work done under it. */
  async #epoch(tenure: Tenure, takeOver: boolean): Promise<ProcessEnd> {
    this.#state = 'claiming';
    const request = { context: this.#context, readBack: this.#readBack, tenure, pulse: this.#pulse };
    const claimed = await claimPartition(request);
    if (claimed.kind !== 'claimed') return claimed;
    const { epoch } = claimed;
    const owed = takeOver ? completeLetters(this.#context, this.#readBack, tenure, epoch) : Promise.resolve();
    const next = await owed
      .then(() => findInput(this.#context, this.#readBack, tenure))
      .catch((thrown: unknown) => halted(asRoomlogError(thrown, 'fold_halted')));
    // First: what was found or failed counts under our claim only. Whoever claimed since looks for himself.
    const interruption = tenure.closing ? LOST : interruptionOf(tenure, this.#readBack, epoch);
    if (interruption !== null) return interruption;
    if (typeof next !== 'number') return next;

    const { logger } = this.#context;
    logger.info(
      { partition: this.partition, epoch, next },
      takeOver ? 'partition taken over' : 'partition claimed again',
    );
    const process = new Process({ ...request, epoch });
    this.#process = process;
    this.#halt = null;
    this.#state = 'processing';
    this.#alarms.works();
    this.#continuity.begin();
    if (takeOver) this.#readBack.snapshots.owned();
    this.#tails.inbound.assign(this.partition, next);
    try {
      return await process.run();
    } finally {
      this.#process = null;
      this.#tails.inbound.release(this.partition);
    }
  }

  /**
   * A later claim was read. Claiming again at once would only start a duel, since whoever wrote it may be the owner: first
   * a heartbeat that is sent from now on has to show that the group still means us.
   */
  async #waitOutFence(tenure: Tenure): Promise<void> {
    const since = this.#context.clock.monotonic();
    this.#state = 'fenced';
    this.#context.metrics.fenced();
    this.#context.logger.warn({ partition: this.partition, epoch: this.#readBack.epoch }, 'fenced by a later claim');
    await this.#pulse.until(() => tenure.closing || tenure.heardAfter(since));
  }

  /** Reads outbound again, once: if the log is sound and only our way through it was not, that heals it. */
  async #recover(tenure: Tenure): Promise<void> {
    const now = this.#context.clock.monotonic();
    const fault = this.#readBack.fault;
    const again = this.#faultedAt !== null && now - this.#faultedAt < FAULT_MEMORY_MS;
    this.#faultedAt = now;
    if (fault === null) return;
    // What is left of a truncated log is sound, so reading it again would only hide that the rest is gone.
    if (again || alarmOf(fault) === 'outbound_truncated') return this.#standStill(tenure, fault);
    this.#context.logger.warn({ partition: this.partition, code: fault.code }, 'outbound is read again');
    this.#readBack.restart();
  }

  /** Loud and still. An operator's claim (of a command that repairs) or a new tenure makes it look again. */
  async #standStill(tenure: Tenure, error: RoomlogError): Promise<void> {
    this.#state = 'halted';
    this.#halt = error;
    this.#context.logger.error(
      { partition: this.partition, code: error.code, message: error.message, ...error.details },
      'PARTITION HALTED: its records wait until this is repaired; the other partitions go on',
    );
    this.#alarms.halted(error);
    const { epoch, lastInbound } = this.#readBack;
    const claimed = () => this.#readBack.fault === null && this.#readBack.epoch !== epoch;
    await this.#pulse.until(() => tenure.closing || claimed());
    if (!tenure.closing) await this.#leaveToRepair(tenure, lastInbound);
    if (!tenure.closing) await this.#waitOutFence(tenure);
  }

  /** A claim at once would fence the record for which the operator claimed: it gets time to come. */
  async #leaveToRepair(tenure: Tenure, lastInbound: Offset): Promise<void> {
    const { clock } = this.#context;
    const until = clock.monotonic() + REPAIR_GRACE_MS;
    await this.#pulse.until(
      () => tenure.closing || this.#readBack.lastInbound !== lastInbound || clock.monotonic() >= until,
    );
  }

  #cool(): void {
    this.#readBack.snapshots.lost();
    this.#alarms.lost();
    this.#halt = null;
    if (this.#readBack.reading && this.#readBack.fault === null) {
      this.#state = 'warm';
      this.#warmUntil = this.#context.clock.monotonic() + WARM_MS;
      return;
    }
    this.#state = 'cold';
    this.#readBack.close();
  }
}
