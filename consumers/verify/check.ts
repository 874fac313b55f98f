/**
 * The check of one partition: inbound and outbound, decoded, in offset order, in step. Pure: what it reads is handed to it. Who counts in
 * outbound is for the production chain to say, as for every reader; what those records then say is held against inbound here.
 */
import { canaryOf } from '../../core/canary.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import type { OutboundRecord, Skipped } from '../../core/log/record.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import type { PublishersLimits } from '../../core/sequencing/publishers.ts';
import { AgainstInbound } from './against-inbound.ts';
import { type Fenced, Fences } from './fences.ts';
import { countUp, type FindingKind, type Findings } from './finding.ts';
import type { InboundItem } from './inbound-walk.ts';
import type { LetterCheck } from './letters.ts';
import { Order } from './order.ts';

export interface OutboundItem {
  readonly offset: Offset;
  readonly record: OutboundRecord;
}

export interface PartitionInput {
  readonly partition: Partition;
  /** Whether `outbound` begins with the partition's first record, or at a claim. */
  readonly start: 'start' | 'claim';
  readonly outbound: AsyncIterable<readonly OutboundItem[]>;
  /** What is retained; taken after outbound's end, so that nothing in `outbound` answers a record past it. */
  readonly inboundRange: OffsetRange;
  /** The retained records from an offset on. Asked for when outbound has said where to begin, and again where a skip went back. */
  readonly inbound: (from: Offset) => AsyncIterable<readonly InboundItem[]>;
  readonly limits: PublishersLimits;
  /** null: all rooms. Else contents and numbers are checked for this one, the chain for all. */
  readonly room: RoomId | null;
  /** Ends before the first record with a greater log time, ms. */
  readonly toMs: number;
  readonly findings: Findings;
  readonly letters: LetterCheck;
}

/** An operator's record: what was given up, and where sequencing went on. */
export interface Skip {
  readonly outbound: Offset;
  readonly from: Offset;
  readonly to: Offset;
  readonly next: Offset;
  readonly reason: string;
}

export interface PartitionReport {
  readonly partition: Partition;
  readonly streamId: string | null;
  /** Outbound records read. */
  readonly read: number;
  /** Inbound records that were compared with their outbound record. */
  readonly compared: number;
  /** Answered, but no longer retained in inbound: their contents could not be compared. */
  readonly notRetained: number;
  readonly events: number;
  readonly answers: ReadonlyMap<string, number>;
  readonly poison: ReadonlyMap<string, number>;
  /** Canaries of sequencers, which are among no answers. */
  readonly canaries: number;
  /** Inbound records that an operator gave up. */
  readonly skipped: number;
  readonly skips: readonly Skip[];
  /** Records of a kind that this version does not know. */
  readonly unknownKinds: number;
  readonly rooms: number;
  readonly claims: number;
  readonly stale: number;
  readonly fenced: readonly Fenced[];
  readonly repeats: number;
  /** The inbound offsets whose answers were read, both inclusive; -1 for none. `sinceMs`: the first one's timestamp. */
  readonly checked: { readonly from: Offset; readonly to: Offset; readonly sinceMs: number };
  /** Inbound offsets behind the last one folded; null where the check ended before outbound did. */
  readonly lag: number | null;
}

interface Place {
  readonly inbound: Offset | null;
  readonly outbound: Offset | null;
}

export function checkPartition(input: PartitionInput): Promise<PartitionReport> {
  return new PartitionCheck(input).run();
}

class PartitionCheck {
  readonly #input: PartitionInput;
  readonly #chain: Chain;
  readonly #order: Order;
  readonly #fences = new Fences();
  readonly #answers = new Map<string, number>();
  readonly #poison = new Map<string, number>();
  readonly #againstInbound: AgainstInbound;
  readonly #skips: Skip[] = [];
  #checked: { from: Offset; to: Offset; readonly sinceMs: number } | null = null;
  #read = 0;
  #events = 0;
  #canaries = 0;
  #skipped = 0;
  #unknownKinds = 0;
  #repeats = 0;

  constructor(input: PartitionInput) {
    this.#input = input;
    this.#chain = input.start === 'start' ? Chain.atStart() : Chain.atClaim();
    this.#order = new Order(input.limits, this.#chain.complete);
    this.#againstInbound = new AgainstInbound({ ...input, range: input.inboundRange });
  }

  async run(): Promise<PartitionReport> {
    let ended = false;
    try {
      ended = await this.#readAll();
    } catch (thrown) {
      if (!(thrown instanceof RoomlogError) || thrown.code !== 'corrupt_record') throw thrown;
      const { offset, side } = thrown.details as { offset?: Offset; side?: 'inbound' | 'outbound' };
      const at = offset ?? null;
      const place = side === 'inbound' ? { inbound: at, outbound: null } : { inbound: null, outbound: at };
      this.#report('corrupt_record', place, thrown.message);
    } finally {
      await this.#againstInbound.close();
    }
    this.#againstInbound.finish();
    if (ended) this.#checkTail();
    return this.#summary(ended);
  }

  /** False where it went no further: a fault of the chain, or past the time asked for. */
  async #readAll(): Promise<boolean> {
    let isPast = false;
    for await (const items of this.#input.outbound) {
      for (const { offset, record } of items) {
        const verdict = this.#chain.verdictOn(offset, record);
        if (verdict.kind === 'fault') {
          const inbound = record.claim === null ? record.inbound : null;
          this.#report(verdict.fault as FindingKind, { inbound, outbound: offset }, verdict.message);
          return false;
        }
        isPast ||= verdict.kind === 'accepted' && record.inboundTime > this.#input.toMs;
        // Past the time only a skip that went back matters: it would explain what inbound contradicts.
        if (isPast && !this.#againstInbound.isDoubtful) return false;
        const before = this.#chain.settled ? this.#chain.lastInbound : record.prevInbound;
        this.#chain.advance(offset, record, verdict);
        if (isPast) {
          if (verdict.kind === 'accepted' && record.inbound <= before)
            await this.#againstInbound.goBack(record.inbound);
          continue;
        }
        this.#read++;
        if (verdict.kind === 'claim') this.#fences.claim(offset);
        else if (verdict.kind === 'stale') this.#fences.noteStale(offset, record.epoch);
        else if (verdict.kind === 'repeat') this.#repeats++;
        else {
          const waits = this.#accepted(offset, record, before);
          if (waits !== undefined) await waits;
        }
      }
    }
    return !isPast;
  }

  /** A promise where inbound has to be read on. */
  #accepted(offset: Offset, record: OutboundRecord, before: Offset): void | Promise<void> {
    this.#checked ??= { from: (before + 1) as Offset, to: before, sinceMs: record.inboundTime };
    this.#checked.from = Math.min(this.#checked.from, record.inbound + 1) as Offset;
    this.#checked.to = Math.max(this.#checked.to, record.inbound) as Offset;
    if (record.skipped !== null) this.#skip(offset, record.skipped, record.inbound);
    const waits = this.#againstInbound.take(offset, record, before);
    if (waits !== undefined) return waits.then(() => this.#account(offset, record));
    this.#account(offset, record);
  }

  #skip(outbound: Offset, { from, to, reason }: Skipped, inbound: Offset): void {
    this.#skipped += to - from + 1;
    this.#skips.push({ outbound, from, to, next: (inbound + 1) as Offset, reason });
  }

  /** What an accepted record means by itself and after those before it. */
  #account(outbound: Offset, { event, answer, skipped, inbound, inboundTime }: OutboundRecord): void {
    const place = { inbound, outbound };
    const report = (kind: FindingKind, message: string) => this.#report(kind, place, message);
    const { logTime, complete } = this.#chain;
    if (event === null && answer === null && skipped === null) this.#unknownKinds++;
    if (event !== null && this.#concerns(event.room)) {
      this.#events++;
      const wrong = complete ? event.time !== logTime : event.time < inboundTime;
      if (wrong) report('log_time_wrong', `the event's time is ${event.time}, log time ${logTime}`);
      this.#order.event(event, logTime, report);
    }
    if (answer !== null && this.#concerns(answer.room)) {
      if (canaryOf(answer) === null) countUp(this.#answers, answer.code);
      else this.#canaries++;
      this.#order.answer(answer, report);
      if (answer.offset !== null && answer.offset >= outbound) {
        report('answer_unfounded', `it names ${answer.offset} as the original's offset`);
      }
      if (answer.code !== 'poison') return;
      const reason = answer.reason ?? '';
      countUp(this.#poison, reason);
      this.#input.letters.poisoned({ inbound, outbound, reason, time: inboundTime });
    }
  }

  /** What retention took before it was answered is lost; a record that waits is not. */
  #checkTail(): void {
    const { start } = this.#input.inboundRange;
    const { lastInbound, settled } = this.#chain;
    if (!settled || start <= lastInbound + 1 || (lastInbound < 0 && this.#read === 0)) return;
    const message = `inbound begins at ${start}, but ${lastInbound} was answered last: what is between was deleted unanswered`;
    this.#report('input_lost', { inbound: start, outbound: null }, message);
  }

  #concerns(room: RoomId | undefined): boolean {
    return this.#input.room === null || room === undefined || room === this.#input.room;
  }

  #report(kind: FindingKind, place: Place, message: string): void {
    this.#input.findings.add({ kind, partition: this.#input.partition, ...place, message });
  }

  #summary(ended: boolean): PartitionReport {
    const { partition, inboundRange } = this.#input;
    const { lastInbound, settled, streamId } = this.#chain;
    const next = settled ? Math.max(lastInbound + 1, inboundRange.start) : inboundRange.start;
    return {
      partition,
      streamId,
      read: this.#read,
      compared: this.#againstInbound.compared,
      notRetained: this.#againstInbound.notRetained,
      events: this.#events,
      answers: this.#answers,
      poison: this.#poison,
      canaries: this.#canaries,
      skipped: this.#skipped,
      skips: this.#skips,
      unknownKinds: this.#unknownKinds,
      rooms: this.#order.rooms,
      claims: this.#fences.claims,
      stale: this.#fences.stale,
      fenced: this.#fences.fenced(),
      repeats: this.#repeats,
      checked: this.#checked ?? { from: -1 as Offset, to: -1 as Offset, sinceMs: 0 },
      lag: ended ? Math.max(0, inboundRange.end - next) : null,
    };
  }
}
