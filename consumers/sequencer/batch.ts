/** What was decided for a run of inbound records of one partition, and travels to outbound as one append. */
import type { Offset } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import type { AppendRecord, LogRecord } from '../../core/ports/event-log.ts';
import type { Letter } from './dead-letters.ts';
import type { SequencedKind } from './metrics.ts';

/** Records in one batch, whatever their size. The overlay of decisions holds two batches with room to spare. */
export const MAX_BATCH_RECORDS = 8_192;
/** What Kafka adds to each record, at most. */
export const RECORD_FRAME_BYTES = 32;
/** What our header and field lengths add to an inbound record's bytes, about; exact size decides nothing. */
export const OUTBOUND_GROWTH_BYTES = 64;

export interface Batch {
  /** As appended; an identical retry sends the very same bytes. */
  readonly records: readonly AppendRecord[];
  /** What `records` say, one for one. */
  readonly decided: readonly OutboundRecord[];
  /** The inbound records, one for one, should they have to be decided again. */
  readonly sources: readonly LogRecord[];
  readonly kinds: readonly SequencedKind[];
  readonly letters: readonly Letter[];
  readonly bytes: number;
  /** The last inbound offset that it answers: read back once the fold is there. */
  readonly last: Offset;
  /** Clock.monotonic of the oldest record's arrival. */
  readonly arrivedAt: number;
}

/** Collects a batch while it is decided. */
export class BatchBuilder {
  readonly #records: AppendRecord[] = [];
  readonly #decided: OutboundRecord[] = [];
  readonly #sources: LogRecord[] = [];
  readonly #kinds: SequencedKind[] = [];
  readonly #letters: Letter[] = [];
  readonly #limitBytes: number;
  readonly #arrivedAt: number;
  #bytes = 0;
  #last: Offset | null = null;

  constructor(limitBytes: number, arrivedAt: number) {
    this.#limitBytes = limitBytes;
    this.#arrivedAt = arrivedAt;
  }

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  /** Whether an inbound record would still fit. The first one always does. */
  hasPlaceFor(record: LogRecord): boolean {
    if (this.#records.length === 0) return true;
    const bytes = (record.value?.length ?? 0) + (record.key?.length ?? 0) + RECORD_FRAME_BYTES + OUTBOUND_GROWTH_BYTES;
    return this.#bytes + bytes <= this.#limitBytes && this.#records.length < MAX_BATCH_RECORDS;
  }

  add(
    source: LogRecord,
    record: AppendRecord,
    decided: OutboundRecord,
    kind: SequencedKind,
    letter: Letter | null,
  ): void {
    this.#records.push(record);
    this.#decided.push(decided);
    this.#sources.push(source);
    this.#kinds.push(kind);
    if (letter !== null) this.#letters.push(letter);
    this.#bytes += (record.value?.length ?? 0) + (record.key?.length ?? 0) + RECORD_FRAME_BYTES;
    this.#last = source.offset;
  }

  /** Null where nothing was added. */
  build(): Batch | null {
    if (this.#last === null) return null;
    return {
      records: this.#records,
      decided: this.#decided,
      sources: this.#sources,
      kinds: this.#kinds,
      letters: this.#letters,
      bytes: this.#bytes,
      last: this.#last,
      arrivedAt: this.#arrivedAt,
    };
  }
}

/** The same records in two appends, for a topic that takes less at once. The bytes of each record stay as they are. */
export function halve(batch: Batch): [Batch, Batch] {
  const middle = Math.floor(batch.records.length / 2);
  const part = (from: number, to: number): Batch => {
    const sources = batch.sources.slice(from, to);
    const records = batch.records.slice(from, to);
    const last = (sources.at(-1) as LogRecord).offset;
    const first = (sources[0] as LogRecord).offset;
    return {
      records,
      decided: batch.decided.slice(from, to),
      sources,
      kinds: batch.kinds.slice(from, to),
      letters: batch.letters.filter(({ record }) => record.offset >= first && record.offset <= last),
      bytes: records.reduce(
        (sum, { key, value }) => sum + (value?.length ?? 0) + (key?.length ?? 0) + RECORD_FRAME_BYTES,
        0,
      ),
      last,
      arrivedAt: batch.arrivedAt,
    };
  };
  return [part(0, middle), part(middle, batch.records.length)];
}
