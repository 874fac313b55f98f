/**
 * Sequencing one partition within one epoch: inbound records are checked, decided ahead of the fold, and appended, one
 * batch in flight, until something stands in the way. Nothing here is remembered by the next epoch: that starts from
 * the fold.
 */
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { pauseMs } from '../patience.ts';
import { type Batch, halve } from './batch.ts';
import type { Letter } from './dead-letters.ts';
import { Decisions } from './decisions.ts';
import type { EpochWork } from './epoch-work.ts';
import { InboundQueue } from './inbound-queue.ts';
import { halted, type Interruption, interruptionOf, LOST } from './interruption.ts';

/** Sent batches that were not read back, beside the one to be sent next. */
const MAX_UNREAD_BATCHES = 1;
/**
 * Appends whose answer is outstanding. One is the rule; a second may begin only when the first was read back already, so
 * that it surely is in the log: where answers get lost, the partition goes on at the pace of the read-back.
 */
const MAX_UNANSWERED_APPENDS = 2;

export type ProcessEnd = Interruption | { readonly kind: 'claim_due' };

const CLAIM_DUE: ProcessEnd = { kind: 'claim_due' };

/** A batch on its way. `idle`: its last try failed, the next one is due at `retryAt`. */
interface InFlight {
  readonly batch: Batch;
  state: 'sending' | 'idle';
  tries: number;
  retryAt: number;
  /** Some try may have reached the log: from then on only the identical batch may be sent in this epoch. */
  maybeAppended: boolean;
}

export class Process {
  readonly #request: EpochWork;
  readonly #decisions: Decisions;
  readonly #queue: InboundQueue;
  readonly #startedAt: number;
  /** As the claim of this epoch tells it. */
  readonly #canaryIntervalMs: number;
  /** Batches that were decided, then cut in pieces; to be sent before anything else is decided. */
  #cut: Batch[] = [];
  #inFlight: InFlight | null = null;
  #unread: Batch[] = [];
  #unanswered = 0;
  #lettersUnderWay = 0;
  /** Decisions that were not sent must be forgotten, as soon as those that were have been read back. */
  #undecide = false;
  #end: Interruption | null = null;

  constructor(request: EpochWork) {
    this.#request = request;
    this.#queue = new InboundQueue(request.context.share);
    this.#decisions = new Decisions(request, this.#queue, () => this.#interruption() === null);
    this.#startedAt = request.context.clock.monotonic();
    this.#canaryIntervalMs = request.context.canaries.intervalMs;
  }

  /** For health: what the partition waits for, if anything. */
  get waitsFor(): string | null {
    if (this.#decisions.waitsForSchema) return 'schema';
    if (!this.#request.tenure.mayWrite) return 'heartbeat';
    return this.#inFlight !== null && this.#inFlight.tries > 1 ? 'append' : null;
  }

  /** Whether an append was sent and has no answer yet. */
  get appending(): boolean {
    return this.#inFlight?.state === 'sending';
  }

  /** Takes records from the tail; the promise, if any, holds the next fetch back. */
  offer(records: readonly LogRecord[]): Promise<void> | null {
    if (this.#end !== null) return null;
    const hold = this.#queue.push(records, this.#request.context.clock.monotonic());
    this.#request.pulse.beat();
    return hold;
  }

  /** Inbound can't be read on. */
  fail(error: RoomlogError): void {
    this.#end ??= halted(error);
    this.#request.pulse.beat();
  }

  /** Resolves with the reason for which this epoch's work has ended. Nothing is sent after. */
  async run(): Promise<ProcessEnd> {
    const { pulse, tenure } = this.#request;
    try {
      for (;;) {
        this.#settleReadBack();
        const end = this.#interruption();
        if (end !== null) return end;
        if (tenure.closing && this.#inFlight === null && this.#lettersUnderWay === 0) return LOST;
        if (this.#claimIsDue() && this.#isQuiet()) return CLAIM_DUE;
        const sent = await this.#advance();
        if (!sent) await pulse.next();
      }
    } finally {
      this.#end ??= LOST;
      this.#queue.clear();
      this.#request.readBack.expected.clear();
    }
  }

  #interruption(): Interruption | null {
    const { tenure, readBack, epoch } = this.#request;
    return this.#end ?? interruptionOf(tenure, readBack, epoch);
  }

  /** Nothing decided is on its way. */
  #isQuiet(): boolean {
    return (
      this.#inFlight === null && this.#unread.length === 0 && this.#cut.length === 0 && this.#lettersUnderWay === 0
    );
  }

  #claimIsDue(): boolean {
    const { context, readBack } = this.#request;
    const { claimEveryBytes, claimEveryMs } = context.config;
    if (context.canaries.intervalMs !== this.#canaryIntervalMs) return true;
    if (readBack.bytesSinceClaim >= claimEveryBytes) return true;
    return readBack.bytesSinceClaim > 0 && context.clock.monotonic() - this.#startedAt >= claimEveryMs;
  }

  /** One step, if one may be made now: a retry, a piece of a cut batch, or a new batch. */
  async #advance(): Promise<boolean> {
    const { tenure, context } = this.#request;
    if (!tenure.mayWrite) return false;
    const inFlight = this.#inFlight;
    if (inFlight !== null) {
      if (inFlight.state === 'sending' || context.clock.monotonic() < inFlight.retryAt) return false;
      void this.#send(inFlight);
      return true;
    }
    // A poison answer of a folded batch without its letter stops the partition after at most one more batch, so that
    // whoever takes over knows how far to look back.
    if (this.#unread.length > MAX_UNREAD_BATCHES || this.#lettersUnderWay > 0) return false;
    if (this.#unanswered >= MAX_UNANSWERED_APPENDS) return false;
    const piece = this.#cut.shift();
    if (piece !== undefined) {
      this.#launch(piece);
      return true;
    }
    if (this.#queue.size === 0 || tenure.closing || this.#claimIsDue()) return false;
    if (this.#undecide) {
      if (this.#unread.length > 0) return false;
      this.#decisions.reset();
      this.#undecide = false;
    }
    const batch = await this.#decisions.next();
    if (batch === null || this.#interruption() !== null) return false;
    this.#launch(batch);
    return true;
  }

  #launch(batch: Batch): void {
    this.#request.readBack.expected.add(batch);
    this.#inFlight = { batch, state: 'idle', tries: 0, retryAt: 0, maybeAppended: false };
    // The heartbeat may have aged while the batch was decided.
    if (this.#request.tenure.mayWrite) void this.#send(this.#inFlight);
  }

  async #send(inFlight: InFlight): Promise<void> {
    const { context, readBack, tenure, pulse } = this.#request;
    const { batch } = inFlight;
    const mayLeave = () => this.#inFlight === inFlight && this.#interruption() === null && tenure.mayWrite;
    inFlight.state = 'sending';
    inFlight.tries++;
    this.#unanswered++;
    const sentAt = context.clock.monotonic();
    const outcome = await context.outbox.append(
      { partition: readBack.partition, records: batch.records, mayLeave },
      batch.bytes,
    );
    this.#unanswered--;
    const now = context.clock.monotonic();
    context.metrics.appendMs(now - sentAt);
    // Read back, or fenced, before the answer came.
    if (this.#inFlight !== inFlight || this.#end !== null) {
      pulse.beat();
      return;
    }
    inFlight.state = 'idle';
    if (outcome.status === 'appended') {
      this.#inFlight = null;
      this.#unread.push(batch);
    } else {
      context.metrics.retried(outcome.status);
      if (outcome.status === 'unknown') inFlight.maybeAppended = true;
      if (outcome.status === 'refused') this.#refused(inFlight, outcome.error);
      inFlight.retryAt = now + pauseMs(inFlight.tries);
      const { code, message } = outcome.error;
      context.logger.warn(
        { partition: readBack.partition, status: outcome.status, code, message, tries: inFlight.tries },
        'a batch was not confirmed',
      );
    }
    pulse.beat();
  }

  /** Never answered by a claim: it would be refused for ever, or hide that something must be repaired. */
  #refused(inFlight: InFlight, error: RoomlogError): void {
    const { batch } = inFlight;
    // A broker that has just started may not know the topic yet. If it is gone for good, the tails will say so.
    if (error.code === 'topic_missing') return;
    if (error.code !== 'too_large' || inFlight.maybeAppended) {
      this.#end ??= halted(error);
      return;
    }
    this.#inFlight = null;
    this.#request.readBack.expected.remove(batch);
    if (batch.records.length > 1) {
      this.#cut.unshift(...halve(batch));
      return;
    }
    // Surely not in the log, so it and what was decided after it may be decided again, in the same epoch.
    this.#decisions.markOversize(batch.last);
    const again = [batch, ...this.#cut].flatMap(({ sources }) => sources);
    this.#cut = [];
    this.#queue.unshift(again);
    this.#undecide = true;
  }

  /** Takes note of what the fold has passed. */
  #settleReadBack(): void {
    const { readBack, context } = this.#request;
    const { lastInbound } = readBack;
    if (this.#inFlight !== null && this.#inFlight.batch.last <= lastInbound && readBack.epoch === this.#request.epoch) {
      this.#unread.push(this.#inFlight.batch);
      this.#inFlight = null;
    }
    while (this.#unread[0] !== undefined && this.#unread[0].last <= lastInbound) {
      const batch = this.#unread.shift() as Batch;
      context.metrics.batchMs(context.clock.monotonic() - batch.arrivedAt);
      for (const [kind, count] of countOf(batch.kinds)) context.metrics.sequenced(kind, count);
      this.#sendLetters(batch.letters);
    }
    this.#decisions.prune();
  }

  #sendLetters(letters: readonly Letter[]): void {
    if (letters.length === 0) return;
    const { context, tenure, pulse } = this.#request;
    for (const { reason } of letters) context.metrics.poisoned(reason);
    this.#lettersUnderWay++;
    void context.deadLetters
      .send(letters, () => !tenure.lost)
      .catch((thrown: unknown) => {
        const { code, message } = asRoomlogError(thrown, 'corrupt_record');
        context.logger.error({ letters: letters.length, code, message }, 'dead letters could not be made');
      })
      .finally(() => {
        this.#lettersUnderWay--;
        pulse.beat();
      });
  }
}

function countOf<T>(items: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}
