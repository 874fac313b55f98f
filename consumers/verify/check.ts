/**
 * The check of one partition: inbound and outbound, decoded, in offset order, in step. Pure: what it reads is handed to it. Who counts in
 * outbound is for the production chain to say, as for every reader; what those records then say is held against inbound here.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import type { PublishersLimits } from '../../core/sequencing/publishers.ts';
import { differencesOfAnswer, differencesOfEvent, unfoundedPoison } from './content.ts';
import { type Fenced, Fences } from './fences.ts';
import { countUp, type FindingKind, type Findings } from './finding.ts';
import { type InboundItem, InboundWalk } from './inbound-walk.ts';
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
  /** The retained records from an offset on. Asked for once, when outbound has said where to begin. */
  readonly inbound: (from: Offset) => AsyncIterable<readonly InboundItem[]>;
  readonly limits: PublishersLimits;
  /** null: all rooms. Else contents and numbers are checked for this one, the chain for all. */
  readonly room: RoomId | null;
  /** Ends before the first record with a greater log time, ms. */
  readonly toMs: number;
  readonly findings: Findings;
  readonly letters: LetterCheck;
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
  /** Inbound records that an operator gave up. */
  readonly skipped: number;
  /** Records of a kind that this version does not know. */
  readonly unknownKinds: number;
  readonly rooms: number;
  readonly claims: number;
  readonly stale: number;
  readonly fenced: readonly Fenced[];
  readonly repeats: number;
  /** The inbound offsets whose answers were read, both inclusive; -1 for none. */
  readonly checked: { readonly from: Offset; readonly to: Offset };
  /** Inbound offsets behind the last one folded; null where the check ended before outbound did. */
  readonly lag: number | null;
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
  #walk: InboundWalk | null = null;
  #firstInbound = -1 as Offset;
  #read = 0;
  #compared = 0;
  #notRetained = 0;
  #events = 0;
  #skipped = 0;
  #unknownKinds = 0;
  #repeats = 0;

  constructor(input: PartitionInput) {
    this.#input = input;
    this.#chain = input.start === 'start' ? Chain.atStart() : Chain.atClaim();
    this.#order = new Order(input.limits, this.#chain.complete);
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
      await this.#walk?.close();
    }
    if (ended) this.#checkTail();
    return this.#summary(ended);
  }

  /** False where it went no further: a fault of the chain, or past the time asked for. */
  async #readAll(): Promise<boolean> {
    for await (const items of this.#input.outbound) {
      for (const { offset, record } of items) {
        const verdict = this.#chain.verdictOn(offset, record);
        if (verdict.kind === 'fault') {
          const inbound = record.claim === null ? record.inbound : null;
          this.#report(verdict.fault as FindingKind, { inbound, outbound: offset }, verdict.message);
          return false;
        }
        if (verdict.kind === 'accepted' && record.inboundTime > this.#input.toMs) return false;
        this.#read++;
        const before = this.#chain.settled ? this.#chain.lastInbound : record.prevInbound;
        this.#chain.advance(offset, record, verdict);
        if (verdict.kind === 'claim') this.#fences.claim(offset);
        else if (verdict.kind === 'stale') this.#fences.noteStale(offset, record.epoch);
        else if (verdict.kind === 'repeat') this.#repeats++;
        else await this.#accepted(offset, record, before);
      }
    }
    return true;
  }

  async #accepted(offset: Offset, record: OutboundRecord, before: Offset): Promise<void> {
    const { inboundRange } = this.#input;
    if (this.#walk === null) {
      this.#firstInbound = (before + 1) as Offset;
      this.#walk = new InboundWalk(this.#input.inbound(Math.max(before + 1, inboundRange.start) as Offset));
    }
    const { skipped } = record;
    if (skipped !== null) this.#skipped += skipped.to - skipped.from + 1;
    const item = await this.#walk.take(record.inbound, ({ offset: inbound }) => {
      if (skipped !== null && inbound >= skipped.from && inbound <= skipped.to) return;
      const message = `no outbound record answers it; the one at ${offset} answers ${record.inbound} after ${before}`;
      this.#report('inbound_unanswered', { inbound, outbound: offset }, message);
    });
    if (skipped === null) this.#compare(offset, record, item);
    this.#account(offset, record);
  }

  #compare(outbound: Offset, record: OutboundRecord, item: InboundItem | null): void {
    const place = { inbound: record.inbound, outbound };
    if (item === null) {
      if (record.inbound < this.#input.inboundRange.start) this.#notRetained++;
      else this.#report('answer_without_inbound', place, 'it answers an offset at which inbound has no record');
      return;
    }
    this.#compared++;
    if (item.timestamp !== record.inboundTime) {
      this.#report('time_mismatch', place, `it says ${record.inboundTime}, the record has ${item.timestamp}`);
    }
    const { content } = item;
    const { event, answer } = record;
    if (!this.#concerns(event?.room ?? answer?.room)) return;
    if (event !== null && content.kind === 'poison') {
      this.#report('poison_sequenced', place, `what could not be sequenced was: ${content.reason}`);
    } else if (event !== null && content.kind === 'good') {
      const differing = differencesOfEvent(content.event, event);
      if (differing.length > 0) this.#report('content_mismatch', place, `other than asked: ${differing.join(', ')}`);
    } else if (answer !== null && answer.code === 'poison') {
      const unfounded = unfoundedPoison(content, answer.reason);
      if (unfounded !== null) this.#report('answer_unfounded', place, unfounded);
    } else if (answer !== null && content.kind === 'poison') {
      this.#report('answer_unfounded', place, `answered ${answer.code}, but what is wrong is ${content.reason}`);
    } else if (answer !== null && content.kind === 'good') {
      const differing = differencesOfAnswer(content.event, answer);
      if (differing.length > 0) this.#report('content_mismatch', place, `other than asked: ${differing.join(', ')}`);
    }
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
      countUp(this.#answers, answer.code);
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

  #report(kind: FindingKind, place: { inbound: Offset | null; outbound: Offset | null }, message: string): void {
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
      compared: this.#compared,
      notRetained: this.#notRetained,
      events: this.#events,
      answers: this.#answers,
      poison: this.#poison,
      skipped: this.#skipped,
      unknownKinds: this.#unknownKinds,
      rooms: this.#order.rooms,
      claims: this.#fences.claims,
      stale: this.#fences.stale,
      fenced: this.#fences.fenced(),
      repeats: this.#repeats,
      checked: { from: this.#firstInbound, to: this.#walk === null ? (-1 as Offset) : lastInbound },
      lag: ended ? Math.max(0, inboundRange.end - next) : null,
    };
  }
}
