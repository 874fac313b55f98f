/**
 * Whether an inbound record may be sequenced. Any Kafka producer can write to inbound, so nothing is believed because a
 * gateway would have checked it: data that closes a frame early would speak with another's name to every client of a room.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { isJson } from '../../core/json.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { InboundEvent } from '../../core/log/record.ts';
import { checkEventName, checkRoom, checkUser, isContentType, MAX_ROOM_BYTES } from '../../core/names.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import type { Poison } from '../../core/sequencing/decide.ts';
import type { Codec } from '../../schemas/codec.ts';
import { isUnknownSchema } from '../decode-outbound.ts';

/** `max.message.bytes` of outbound and deadletter is 2 MiB; this much of a record is what Kafka adds, and our header. */
const RECORD_OVERHEAD_BYTES = 1_024;
export const MAX_OUTBOUND_RECORD_BYTES = 2 * 1_048_576 - RECORD_OVERHEAD_BYTES;
const MAX_SESSION_BYTES = 64;
const MAX_ORIGIN_BYTES = 64;

export type Checked =
  | { readonly kind: 'good'; readonly event: InboundEvent }
  | { readonly kind: 'poison'; readonly poison: Poison; readonly message: string }
  | { readonly kind: 'unknown_schema'; readonly id: number };

const poison = (reason: string, message: string, event?: InboundEvent): Checked => ({
  kind: 'poison',
  message,
  poison: { ...(event === undefined ? {} : readable(event)), reason },
});

/** Checks in the order in which a record would do harm. Pure but for the codec's knowledge of schemas. */
export function checkInbound(record: LogRecord, partition: Partition, partitions: number, codec: Codec): Checked {
  if (record.value === null)
    return poison('empty', 'The record has no value, or stands in a batch that could not be unpacked.');
  let event: InboundEvent;
  try {
    const decoded = codec.viewInbound(record.value);
    if (isUnknownSchema(decoded)) return { kind: 'unknown_schema', id: decoded.unknownSchema };
    event = decoded;
  } catch (thrown) {
    if (!(thrown instanceof RoomlogError)) throw thrown;
    return poison('bad_avro', `The value is not an InboundEvent in Confluent’s wire format: ${thrown.message}`);
  }
  return (
    checkNames(event) ??
    checkPlace(record, event, partition, partitions) ??
    checkData(event) ??
    checkSize(record, event) ?? { kind: 'good', event }
  );
}

function checkNames(event: InboundEvent): Checked | null {
  if (!passes(checkRoom, event.room)) {
    return poison('invalid_room', 'A room has 1 to 200 bytes of UTF-8 without control characters.', event);
  }
  if (!passes(checkUser, event.user)) return poison('invalid_user', 'A user has 1 to 200 bytes of UTF-8.', event);
  if (!passes(checkEventName, event.event)) {
    return poison('invalid_event', 'An event’s name has 1 to 200 bytes of UTF-8.', event);
  }
  if (event.session !== null && event.session.length > MAX_SESSION_BYTES) {
    return poison('invalid_session', 'A session is a UUIDv7.', event);
  }
  if (event.origin !== null && event.origin.byteLength > MAX_ORIGIN_BYTES) {
    return poison('invalid_origin', 'Only gateways set origin, to 16 bytes.', event);
  }
  const { contentType } = event;
  if (contentType !== null && !isContentType(contentType)) {
    return poison('invalid_content_type', 'contentType is null for JSON, else a media type.', event);
  }
  return null;
}

function checkPlace(record: LogRecord, event: InboundEvent, partition: Partition, partitions: number): Checked | null {
  const { key } = record;
  if (key === null || !isUtf8Of(key, event.room)) {
    return poison('wrong_partition', 'The record’s key must be the room’s UTF-8 bytes.', event);
  }
  const right = partitionOf(key, partitions);
  if (right === partition) return null;
  return poison(
    'wrong_partition',
    `The room belongs to partition ${right}, not ${partition}; partition by murmur2 of the key (librdkafka: partitioner=murmur2_random).`,
    event,
  );
}

function checkData(event: InboundEvent): Checked | null {
  if (event.contentType !== null) return null;
  return isJson(event.data)
    ? null
    : poison('bad_json', 'With contentType null, data is exactly one JSON value.', event);
}

function checkSize(record: LogRecord, event: InboundEvent): Checked | null {
  const bytes = (record.value?.length ?? 0) + (record.key?.length ?? 0);
  if (bytes <= MAX_OUTBOUND_RECORD_BYTES) return null;
  return poison('too_large', `A record of ${bytes} bytes does not fit outbound (${MAX_OUTBOUND_RECORD_BYTES}).`, event);
}

/** A room that passed `checkRoom` fits. Compared as bytes: decoding the key would let invalid UTF-8 pass for U+FFFD. */
const scratch = Buffer.allocUnsafeSlow(4 * MAX_ROOM_BYTES);

function isUtf8Of(bytes: Buffer, room: string): boolean {
  let at = 0;
  // What is ASCII needs no copy; `bytes` that end before give undefined, which no unit is.
  while (at < room.length && room.charCodeAt(at) < 0x80 && room.charCodeAt(at) === bytes[at]) at++;
  if (at === room.length) return at === bytes.length;
  const length = scratch.write(room);
  return length === bytes.length && scratch.compare(bytes, 0, length, 0, length) === 0;
}

function passes(check: (value: unknown) => unknown, value: unknown): boolean {
  try {
    check(value);
    return true;
  } catch {
    return false;
  }
}

/** What the answer may carry, so that a gateway can find who asked. Names that are none are left out. */
export function readable(event: InboundEvent): Omit<Poison, 'reason'> {
  return {
    ...(passes(checkRoom, event.room) ? { room: event.room } : {}),
    ...(passes(checkUser, event.user) ? { user: event.user } : {}),
    session: event.session !== null && event.session.length <= MAX_SESSION_BYTES ? event.session : null,
    pub: event.pub !== null && Number.isSafeInteger(event.pub) ? event.pub : null,
    key: event.key !== null && event.key.length <= MAX_SESSION_BYTES * 4 ? event.key : null,
    origin: event.origin !== null && event.origin.byteLength <= MAX_ORIGIN_BYTES ? event.origin : null,
  };
}
