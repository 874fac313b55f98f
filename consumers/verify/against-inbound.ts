/**
 * What outbound answered, held against what inbound holds, record by record. Findings are kept apart until the end of the partition: where a
 * skip turns out to have gone back, another inbound stands there now, and what was answered before it can't be compared any more.
 */
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import { differencesOfAnswer, differencesOfEvent, unfoundedPoison } from './content.ts';
import { type FindingKind, Findings } from './finding.ts';
import { type InboundItem, InboundWalk } from './inbound-walk.ts';

export interface AgainstInboundOptions {
  readonly partition: Partition;
  readonly range: OffsetRange;
  /** The retained records from an offset on. */
  readonly inbound: (from: Offset) => AsyncIterable<readonly InboundItem[]>;
  /** null: all rooms. */
  readonly room: RoomId | null;
  readonly findings: Findings;
}

export class AgainstInbound {
  readonly #options: AgainstInboundOptions;
  #findings: Findings;
  #walk: InboundWalk | null = null;
  #answered = 0;
  compared = 0;
  notRetained = 0;

  constructor(options: AgainstInboundOptions) {
    this.#options = options;
    this.#findings = new Findings(options.findings.limit);
  }

  /** Whether anything was found that a skip further on could explain. */
  get isDoubtful(): boolean {
    return this.#findings.total > 0;
  }

  /** The next accepted record; `before`: the inbound offset that it follows. A promise where inbound has to be read on. */
  take(outbound: Offset, record: OutboundRecord, before: Offset): void | Promise<void> {
    const { skipped, inbound: answered } = record;
    if (skipped !== null && answered <= before) return this.goBack(answered);
    this.#walk ??= this.#walkFrom(before);
    const item = this.#walk.take(answered, ({ offset: inbound }) => {
      if (skipped !== null && inbound >= skipped.from && inbound <= skipped.to) return;
      const message = `no outbound record answers it; the one at ${outbound} answers ${answered} after ${before}`;
      this.#report('inbound_unanswered', inbound, outbound, message);
    });
    return item instanceof Promise
      ? item.then((read) => this.#taken(outbound, record, read))
      : this.#taken(outbound, record, item);
  }

  #taken(outbound: Offset, record: OutboundRecord, item: InboundItem | null): void {
    if (record.skipped !== null) return;
    this.#answered++;
    this.#compare(outbound, record, item);
  }

  /** Inbound was recreated or rewound: what stands above `last` now is not what was answered until here. */
  async goBack(last: Offset): Promise<void> {
    await this.close();
    this.#walk = this.#walkFrom(last);
    this.notRetained = this.#answered;
    this.compared = 0;
    const kept = new Findings(this.#options.findings.limit);
    for (const finding of this.#findings.listed) if ((finding.inbound ?? -1) <= last) kept.add(finding);
    this.#findings = kept;
  }

  async close(): Promise<void> {
    await this.#walk?.close();
  }

  /** Hands over what was found. */
  finish(): void {
    this.#options.findings.merge(this.#findings);
  }

  #walkFrom(after: Offset): InboundWalk {
    const { inbound, range } = this.#options;
    return new InboundWalk(inbound(Math.max(after + 1, range.start) as Offset));
  }

  #compare(outbound: Offset, record: OutboundRecord, item: InboundItem | null): void {
    const report = (kind: FindingKind, message: string) => this.#report(kind, record.inbound, outbound, message);
    if (item === null) {
      if (record.inbound < this.#options.range.start) this.notRetained++;
      else report('answer_without_inbound', 'it answers an offset at which inbound has no record');
      return;
    }
    this.compared++;
    if (item.timestamp !== record.inboundTime) {
      report('time_mismatch', `it says ${record.inboundTime}, the record has ${item.timestamp}`);
    }
    const { room } = this.#options;
    const itsRoom = record.event?.room ?? record.answer?.room;
    if (room === null || itsRoom === undefined || room === itsRoom) compareContent(record, item, report);
  }

  #report(kind: FindingKind, inbound: Offset, outbound: Offset, message: string): void {
    this.#findings.add({ kind, partition: this.#options.partition, inbound, outbound, message });
  }
}

function compareContent(
  { event, answer }: OutboundRecord,
  { content }: InboundItem,
  report: (kind: FindingKind, message: string) => void,
): void {
  if (event !== null && content.kind === 'poison') {
    report('poison_sequenced', `what could not be sequenced was: ${content.reason}`);
  } else if (event !== null && content.kind === 'good') {
    const differing = differencesOfEvent(content.event, event);
    if (differing.length > 0) report('content_mismatch', `other than asked: ${differing.join(', ')}`);
  } else if (answer !== null && answer.code === 'poison') {
    const unfounded = unfoundedPoison(content, answer.reason);
    if (unfounded !== null) report('answer_unfounded', unfounded);
  } else if (answer !== null && content.kind === 'poison') {
    report('answer_unfounded', `answered ${answer.code}, but what is wrong is ${content.reason}`);
  } else if (answer !== null && content.kind === 'good') {
    const differing = differencesOfAnswer(content.event, answer);
    if (differing.length > 0) report('content_mismatch', `other than asked: ${differing.join(', ')}`);
  }
}
