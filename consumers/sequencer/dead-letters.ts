/**
 * Records that can't be sequenced, whole, for people to look at. A letter follows its `poison` answer, never precedes it; it
 * is written at least once, and named by partition and inbound offset, so that repeats can be dropped.
 */
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { AppendRecord, EventLog, LogRecord } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { isUnknownSchema } from '../decode-outbound.ts';
import { patiently, pause, pauseMs } from '../patience.ts';
import { MAX_OUTBOUND_RECORD_BYTES } from './check.ts';
import type { SequencerMetrics } from './metrics.ts';

export interface Letter {
  readonly partition: Partition;
  readonly record: LogRecord;
  readonly reason: string;
  readonly message: string;
}

/** Letters in one request. */
const MAX_LETTERS_PER_APPEND = 100;
/** What a request of letters may hold: `max.message.bytes` of the topic, but for the batch's own header. */
const MAX_REQUEST_BYTES = MAX_OUTBOUND_RECORD_BYTES;
/** What Kafka adds to each record and each header, at most. */
const RECORD_FRAME_BYTES = 32;
const HEADER_FRAME_BYTES = 10;
/** How far back a new owner looks for letters that its predecessor may have written already, beside as many as there can be. */
const LOOK_BACK_RECORDS = 5_000;

export interface DeadLettersOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly logger: LogSink;
  readonly metrics: SequencerMetrics;
}

export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /**
   * Resolves when all letters are in the topic, or can never be. Retries as long as `goOn` holds; whoever takes the
   * partition over writes what is missing then.
   */
  async send(letters: readonly Letter[], goOn: () => boolean): Promise<void> {
    for (let from = 0; from < letters.length && goOn(); ) {
      const batch: Letter[] = [];
      const records: AppendRecord[] = [];
      let bytes = 0;
      for (const letter of letters.slice(from, from + MAX_LETTERS_PER_APPEND)) {
        const record = this.#encode(letter);
        const size = sizeOf(record);
        if (batch.length > 0 && bytes + size > MAX_REQUEST_BYTES) break;
        batch.push(letter);
        records.push(record);
        bytes += size;
      }
      from += batch.length;
      await this.#write(batch, records, goOn);
    }
  }

  /** Of these names (`letterName`) of records with these timestamps, those that stand near the end of the topic already. */
  async present(partition: Partition, names: ReadonlyMap<string, number>, goOn: () => boolean): Promise<Set<string>> {
    const { log, topic, codec } = this.#options;
    const found = new Set<string>();
    const target = await this.#targetOf(partition);
    const range = (await log.ranges(topic, [target])).get(target);
    if (range === undefined) return found;
    const from = Math.max(range.start, range.end - names.size - LOOK_BACK_RECORDS) as Offset;
    for await (const records of log.readRange({ topic, partition: target, from, to: range.end })) {
      if (!goOn()) break;
      for (const { value } of records) {
        const letter = value === null ? null : codec.decodeDeadLetter(value);
        if (letter === null || isUnknownSchema(letter)) continue;
        const name = letterName(letter.partition, letter.inbound);
        // A recreated inbound has the same offsets again.
        if (names.get(name) === letter.time) found.add(name);
      }
    }
    return found;
  }

  async #write(letters: readonly Letter[], records: readonly AppendRecord[], goOn: () => boolean): Promise<void> {
    const { log, topic, logger, metrics } = this.#options;
    const [first] = letters;
    if (first === undefined) return;
    const patience = {
      goOn,
      onRetry: (error: RoomlogError, attempt: number) =>
        logger.warn({ partition: first.partition, code: error.code, attempt }, 'dead letters wait'),
    };
    for (let attempt = 1; goOn(); attempt++) {
      let error: RoomlogError;
      let refused = false;
      try {
        const partition = await patiently(() => this.#targetOf(first.partition), patience);
        const [outcome] = await log.append(topic, [{ partition, records, mayLeave: goOn }]);
        if (outcome?.status === 'appended') {
          for (const _ of letters) metrics.deadLettered();
          return;
        }
        error = outcome?.error ?? asRoomlogError(new Error('no outcome'), 'kafka_unreachable');
        refused = outcome?.status === 'refused';
      } catch (thrown) {
        error = asRoomlogError(thrown, 'kafka_unreachable');
        refused = !error.definition.retryable;
      }
      const names = letters.map(({ partition, record }) => letterName(partition, record.offset));
      if (refused) {
        logger.error(
          { letters: names, code: error.code, message: error.message },
          'dead letters were refused and are lost',
        );
        return;
      }
      logger.warn({ letters: names.length, code: error.code, attempt }, 'dead letters are tried again');
      await pause(pauseMs(attempt));
    }
  }

  /** The whole record where it fits: its key stands in the letter twice. */
  #encode(letter: Letter): AppendRecord {
    const whole = this.#encodeAs(letter, false);
    return sizeOf(whole) <= MAX_REQUEST_BYTES ? whole : this.#encodeAs(letter, true);
  }

  #encodeAs({ partition, record, reason, message }: Letter, tooLarge: boolean): AppendRecord {
    const value = this.#options.codec.encodeDeadLetter({
      partition,
      inbound: record.offset,
      time: record.timestamp,
      reason,
      message: (tooLarge
        ? `${message} The value is left out here: it does not fit this topic either.`
        : message
      ).toWellFormed(),
      key: tooLarge ? null : record.key,
      value: tooLarge ? null : record.value,
    });
    const headers = { 'roomlog-letter': letterName(partition, record.offset), 'roomlog-reason': reason };
    return { key: tooLarge ? null : record.key, value, headers };
  }

  /** Any partition will do; the same one for all letters of an inbound partition, so that they can be found again. */
  async #targetOf(partition: Partition): Promise<Partition> {
    const { log, topic } = this.#options;
    return (partition % (await log.partitionCount(topic))) as Partition;
  }
}

/** As Kafka counts. Header names and values are ASCII. */
function sizeOf({ key, value, headers = {} }: AppendRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0) + RECORD_FRAME_BYTES;
  for (const [name, text] of Object.entries(headers)) bytes += name.length + text.length + HEADER_FRAME_BYTES;
  return bytes;
}

/** What makes a repeat of a letter the same letter. */
export function letterName(partition: Partition, inbound: Offset): string {
  return `${partition}/${inbound}`;
}
