/**
 * The first record of a replaced inbound that outbound has not answered. Recreated, all of it is news; rewound (a broker lost the end of the
 * log), what is left was answered already and must not be sequenced twice. Offset and timestamp tell: outbound has both. Where it retains no
 * answer they can't, and what is not newer than the newest answer counts as answered: a publish without number or key would appear twice.
 */
import type { Offset, Partition } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import type { LogRecord, OffsetRange } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { decodeOutbound } from '../decode-outbound.ts';
import { findStart } from '../replay/start.ts';
import { rangeOf } from '../retained-range.ts';
import type { RepairLog } from './source.ts';

/** `logTime`: the highest timestamp answered; a record above it is news, whatever else there is. */
export async function firstNews(
  source: RepairLog,
  partition: Partition,
  inbound: OffsetRange,
  logTime: number,
): Promise<Offset> {
  const { log, topics } = source;
  const later = await log.offsetsAt(topics.inbound, logTime + 1, [partition]);
  const candidatesEnd = Math.min(later.get(partition) ?? inbound.end, inbound.end) as Offset;
  if (candidatesEnd <= inbound.start) return inbound.start;
  const candidates = new Candidates(source, partition, candidatesEnd, inbound.start);
  try {
    return (await compare(source, partition, candidates, inbound.start)) ?? candidatesEnd;
  } finally {
    await candidates.close();
  }
}

/** null where outbound retains nothing to compare with. */
async function compare(
  source: RepairLog,
  partition: Partition,
  candidates: Candidates,
  start: Offset,
): Promise<Offset | null> {
  let compared = false;
  for await (const { inbound: answered, inboundTime, prevInbound, isSkip } of answers(source, partition)) {
    if (isSkip && answered <= prevInbound) {
      // An earlier repair: from here on offsets are those of the inbound it went on with.
      await candidates.restart(Math.max(start, answered + 1) as Offset);
      compared = true;
      continue;
    }
    if (answered < start || isSkip) continue;
    compared = true;
    const news = await candidates.passAnswer(answered, inboundTime, prevInbound);
    if (news !== null) return news;
  }
  return compared ? candidates.position : null;
}

interface AnsweredRecord {
  readonly inbound: Offset;
  readonly prevInbound: Offset;
  readonly inboundTime: number;
  readonly isSkip: boolean;
}

async function* answers({ log, codec, topics }: RepairLog, partition: Partition): AsyncGenerator<AnsweredRecord> {
  const topic = topics.outbound;
  const range = rangeOf(await log.ranges(topic, [partition]), partition);
  const start = await findStart({ log, codec, topic, partition, oldest: range.start }, range.start, range.end);
  if (start === null) return;
  const chain = start.kind === 'start' ? Chain.atStart() : Chain.atClaim();
  for await (const records of log.readRange({ topic, partition, from: start.from, to: range.end })) {
    for (const { offset, value } of records) {
      const record = await decodeOutbound(codec, value, () => false, silentLog);
      if (chain.judge(offset, record).kind !== 'accepted') continue;
      const { inbound, prevInbound, inboundTime, skipped } = record;
      yield { inbound, prevInbound, inboundTime, isSkip: skipped !== null };
    }
  }
}

/** Inbound's records that may have been answered, in step with the answers. */
class Candidates {
  readonly #source: RepairLog;
  readonly #partition: Partition;
  readonly #end: Offset;
  #chunks: AsyncIterator<readonly LogRecord[]> | null = null;
  #chunk: readonly LogRecord[] = [];
  #at = 0;
  /** Everything below was answered. */
  position: Offset;

  constructor(source: RepairLog, partition: Partition, end: Offset, from: Offset) {
    this.#source = source;
    this.#partition = partition;
    this.#end = end;
    this.position = from;
    this.#open();
  }

  async restart(from: Offset): Promise<void> {
    await this.close();
    this.position = from;
    this.#open();
  }

  async close(): Promise<void> {
    await this.#chunks?.return?.();
    this.#chunks = null;
  }

  #open(): void {
    const { log, topics } = this.#source;
    const from = this.position;
    this.#chunk = [];
    this.#at = 0;
    this.#chunks =
      from < this.#end
        ? log
            .readRange({ topic: topics.inbound, partition: this.#partition, from, to: this.#end })
            [Symbol.asyncIterator]()
        : null;
  }

  /** The first record that this answer is not about, though it should be; null while they agree. */
  async passAnswer(answered: Offset, time: number, after: Offset): Promise<Offset | null> {
    for (;;) {
      const record = await this.#peek();
      if (record === null || record.offset > answered) return null;
      // Records below what the first answer follows were answered where outbound is not retained.
      const isAnswered = record.offset === answered ? record.timestamp === time : record.offset <= after;
      if (!isAnswered) return record.offset;
      this.#at++;
      this.position = (record.offset + 1) as Offset;
      if (record.offset === answered) return null;
    }
  }

  async #peek(): Promise<LogRecord | null> {
    for (;;) {
      const record = this.#chunk[this.#at];
      if (record !== undefined) return record;
      const next = await this.#chunks?.next();
      if (next === undefined || next.done === true) return null;
      this.#chunk = next.value;
      this.#at = 0;
    }
  }
}
