/** Reads one stretch of a partition: every record is judged by the chain from an anchor on, which must agree with all anchors on the way. */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset } from '../../core/ids.ts';
import { type Anchor, Chain } from '../../core/log/chain.ts';
import type { OutboundHead } from '../../core/log/record.ts';
import type { EventLog, LogRecord } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { PartitionHistory } from './partition-history.ts';
import { Stretch, type TurnBudget } from './stretch.ts';

/** Records judged between two looks at the clock. */
const RECORDS_PER_LOOK = 32;
/** What the batch format adds to a record's key and value, about. */
const RECORD_BYTES = 16;
/** Asked for beyond what a range is guessed to have: a fetch that cuts the last batch off costs another one. */
const SPARE_BYTES = 8_192;

export interface PlannedRead {
  readonly view: PartitionHistory;
  readonly from: Anchor;
  /** What it is guessed to have. */
  readonly bytes: number;
}

export interface ReadParts {
  readonly log: Pick<EventLog, 'readRange'>;
  readonly codec: Codec;
  readonly topic: string;
  readonly budget: TurnBudget;
  readonly signal: AbortSignal;
}

export interface ReadOutcome {
  readonly stretch: Stretch;
  readonly records: number;
  /** Of the records' values. */
  readonly bytes: number;
  /** Of the records as Kafka sent them, about. */
  readonly wireBytes: number;
}

/** Throws as `Ranges.read`. */
export async function readStretch(read: PlannedRead, parts: ReadParts): Promise<ReadOutcome> {
  const { view, from, bytes: guessedBytes } = read;
  const { log, codec, topic, budget, signal } = parts;
  const { partition, streamId, position: to } = view;
  const stretch = new Stretch({ partition, streamId, codec, budget, from: from.offset });
  const judge = new Judge(view, from);
  let records = 0;
  let bytes = 0;
  let keyBytes = 0;
  // Where nothing comes, there is nothing up to there.
  let next: Offset = to;
  const maxBytesPerFetch = Math.ceil(guessedBytes) + SPARE_BYTES;
  const range = { topic, partition, from: from.offset, to, maxBytesPerFetch, oneFetch: true, signal };
  for await (const chunk of log.readRange(range)) {
    for (const record of chunk) {
      if (records % RECORDS_PER_LOOK === 0 && budget.spent()) await budget.turn();
      let head = headOf(codec, record);
      if (head instanceof Promise) head = await head;
      judge.take(stretch, record, head);
      records += 1;
      bytes += record.value?.length ?? 0;
      keyBytes += record.key?.length ?? 0;
      next = (record.offset + 1) as Offset;
    }
  }
  if (signal.aborted) throw new RoomlogError('unavailable', 'This gateway is shutting down.');
  stretch.end(judge.anchor(next));
  return { stretch, records, bytes, wireBytes: bytes + keyBytes + records * RECORD_BYTES };
}

class Judge {
  readonly #view: PartitionHistory;
  readonly #chain: Chain;
  /** The next place at which the fold noted what it knew. */
  #noted: Anchor | undefined;

  constructor(view: PartitionHistory, from: Anchor) {
    this.#view = view;
    this.#chain = Chain.fromAnchor(from);
    this.#noted = view.anchors.above(from.offset);
  }

  /** Throws `fold_halted`. */
  take(stretch: Stretch, { offset, value }: LogRecord, head: OutboundHead): void {
    this.#compare(offset);
    const verdict = this.#chain.judge(offset, head);
    if (verdict.kind === 'claim') stretch.addClaim(offset);
    else if (verdict.kind === 'fault') throw new RoomlogError('fold_halted', verdict.message);
    else if (verdict.kind === 'accepted' && head.event !== null) stretch.add(offset, head.event.room, value as Buffer);
  }

  /** Where the log goes on. Throws `fold_halted`. */
  anchor(next: Offset): Anchor {
    this.#compare(next);
    return this.#chain.anchor(next);
  }

  #compare(next: number): void {
    for (let noted = this.#noted; noted !== undefined && noted.offset <= next; noted = this.#noted) {
      const { epoch, lastInbound } = this.#chain;
      if (epoch !== noted.epoch || lastInbound !== noted.lastInbound) {
        throw new RoomlogError('fold_halted', `Read again, the log up to ${noted.offset} is not what was folded.`);
      }
      this.#noted = this.#view.anchors.above(noted.offset);
    }
  }
}

/** A promise only where a schema has to be looked up: awaiting every record would cost more than decoding it. */
function headOf(codec: Codec, record: LogRecord): OutboundHead | Promise<OutboundHead> {
  if (record.value === null) throw new RoomlogError('corrupt_record', 'An outbound record has no value.');
  const head = codec.decodeOutboundHead(record.value);
  if (!('unknownSchema' in head)) return head;
  return codec.ensureSchema(head.unknownSchema).then(() => headOf(codec, record));
}
