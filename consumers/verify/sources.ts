/** What the check reads, decoded from Kafka: inbound as the sequencer's own check sees it, outbound, and dead letters. */
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { EventLog, LogRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { decodeOutbound, isUnknownSchema } from '../decode-outbound.ts';
import { readAhead } from '../read-ahead.ts';
import { checkInbound } from '../sequencer/check.ts';
import type { OutboundItem } from './check.ts';
import type { InboundContent } from './content.ts';
import type { InboundItem } from './inbound-walk.ts';
import type { LetterSeen } from './letters.ts';

/** Asked for per fetch. Of each of two topics one may still be worked on, the next be there and the one behind it on its way: six are in memory at most. */
const FETCH_BYTES = 1_048_576;

export interface Source {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partition: Partition;
  readonly from: Offset;
  /** Exclusive. */
  readonly to: Offset;
  /** Told how many records each fetch brought. */
  readonly onRead?: (records: number) => void;
}

/** Throws `corrupt_record` with `details.side` and `details.offset`, and what reading the log throws. */
export async function* outboundItems(source: Source): AsyncGenerator<readonly OutboundItem[]> {
  for await (const records of chunks(source, 'outbound')) {
    const items: OutboundItem[] = [];
    for (const { offset, value } of records) {
      try {
        const decoded = decodeOutbound(source.codec, value, () => false, silentLog);
        items.push({ offset, record: decoded instanceof Promise ? await decoded : decoded });
      } catch (thrown) {
        // What stands before it is checked first: the fault is told in its place.
        if (items.length > 0) yield items;
        throw located(thrown, 'outbound', offset);
      }
    }
    yield items;
  }
}

/** `partitions`: P, for the check of where a room belongs. Bytes that are no event are poison, not a fault. */
export async function* inboundItems(source: Source, partitions: number): AsyncGenerator<readonly InboundItem[]> {
  for await (const records of chunks(source, 'inbound')) {
    const items: InboundItem[] = [];
    for (const record of records) {
      const content = contentOf(record, source, partitions);
      const known = content instanceof Promise ? await content : content;
      items.push({ offset: record.offset, timestamp: record.timestamp, content: known });
    }
    yield items;
  }
}

export async function* letters(source: Source): AsyncGenerator<LetterSeen> {
  for await (const records of chunks(source, 'deadletter')) {
    for (const { offset, value, timestamp } of records) {
      if (value === null) continue;
      let decoded = decodeLetter(source, value, offset);
      if (isUnknownSchema(decoded)) {
        await source.codec.ensureSchema(decoded.unknownSchema);
        decoded = decodeLetter(source, value, offset);
      }
      // Still unknown: a schema that can't be read; whoever wrote it, it is no letter of ours.
      if (isUnknownSchema(decoded)) continue;
      const { partition, inbound, time, reason } = decoded;
      yield { partition, inbound, time, reason, writtenAt: timestamp };
    }
  }
}

function decodeLetter({ codec }: Source, value: Buffer, offset: Offset) {
  try {
    return codec.decodeDeadLetter(value);
  } catch (thrown) {
    throw located(thrown, 'deadletter', offset);
  }
}

/** A promise where its schema has to be looked up first. */
function contentOf(
  record: LogRecord,
  { codec, partition }: Source,
  partitions: number,
): InboundContent | Promise<InboundContent> {
  const checked = checkInbound(record, partition, partitions, codec);
  if (checked.kind !== 'unknown_schema') return asContent(checked);
  return codec.ensureSchema(checked.id).then(
    () => asContent(checkInbound(record, partition, partitions, codec)),
    (thrown: unknown) => {
      if (!(thrown instanceof RoomlogError) || thrown.code !== 'schema_not_found') throw thrown;
      return { kind: 'poison', reason: 'schema_not_found' };
    },
  );
}

function asContent(checked: ReturnType<typeof checkInbound>): InboundContent {
  if (checked.kind === 'good') return checked;
  return { kind: 'poison', reason: checked.kind === 'poison' ? checked.poison.reason : 'bad_avro' };
}

/** Fetches the next chunk while the one before it is worked on. */
async function* chunks(
  { log, topic, partition, from, to, onRead }: Source,
  side: 'inbound' | 'outbound' | 'deadletter',
): AsyncGenerator<readonly LogRecord[]> {
  // Only inbound's are looked at: they say where a room belongs.
  const keys = side === 'inbound';
  const range = log.readRange({ topic, partition, from, to, maxBytesPerFetch: FETCH_BYTES, fetchAhead: true, keys });
  try {
    for await (const records of readAhead(range)) {
      onRead?.(records.length);
      yield records;
    }
  } catch (thrown) {
    throw located(thrown, side, null);
  }
}

/** The same error, with where it was found. */
function located(thrown: unknown, side: string, offset: Offset | null): RoomlogError {
  const error = asRoomlogError(thrown, 'kafka_unreachable');
  if (error.code !== 'corrupt_record') return error;
  const at = offset === null ? {} : { offset };
  return new RoomlogError('corrupt_record', error.message, {
    cause: error,
    details: { ...error.details, side, ...at },
  });
}
