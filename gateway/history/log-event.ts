/** An accepted event with its place in the log. The cursor is encoded when first asked for: most folded events never are. */

import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition, Pub, RoomId, Seq, SessionId, UserId } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import type { SequencedEvent } from '../../core/log/record.ts';
import type { Codec } from '../../schemas/codec.ts';
import type { StoredEvent } from '../stream.ts';

/** What an event costs in memory beyond its data: the object, its strings, its places in indexes. Measured roughly. */
export const OVERHEAD_BYTES = 400;

export class LogEvent implements StoredEvent {
  readonly partition: Partition;
  readonly offset: Offset;
  readonly room: RoomId;
  readonly seq: Seq;
  readonly time: number;
  readonly prev: Offset;
  readonly user: UserId;
  readonly session: SessionId | null;
  readonly pub: Pub | null;
  readonly key: string | null;
  readonly origin: Uint8Array | null;
  readonly event: string;
  readonly contentType: string | null;
  readonly data: Uint8Array;
  readonly expiresAt: number | null;
  readonly traceparent: string | null;
  readonly #streamId: string;
  #cursor: string | null = null;

  constructor(streamId: string, partition: Partition, offset: Offset, event: SequencedEvent) {
    this.#streamId = streamId;
    this.partition = partition;
    this.offset = offset;
    this.room = event.room;
    this.seq = event.seq;
    this.time = event.time;
    this.prev = event.prev;
    this.user = event.user;
    this.session = event.session;
    this.pub = event.pub;
    this.key = event.key;
    this.origin = event.origin;
    this.event = event.event;
    this.contentType = event.contentType;
    this.data = event.data;
    this.expiresAt = event.expiresAt;
    this.traceparent = event.traceparent;
  }

  get cursor(): string {
    this.#cursor ??= encodeCursor(this.#streamId, this.room, this);
    return this.#cursor;
  }

  /** About what this event keeps in memory. */
  get bytes(): number {
    return this.data.byteLength + OVERHEAD_BYTES;
  }
}

/**
 * The event of a record that was read before, so that its schema is known; where it has been forgotten since, it is looked up again, and `unavailable`
 * is thrown meanwhile. @param record its own: the event's bytes are views of it
 */
export function readAgain(
  codec: Pick<Codec, 'viewOutbound' | 'ensureSchema'>,
  streamId: string,
  partition: Partition,
  offset: Offset,
  record: Buffer,
): LogEvent {
  const read = codec.viewOutbound(record);
  if ('unknownSchema' in read) {
    codec.ensureSchema(read.unknownSchema).catch(() => {});
    throw new RoomlogError('unavailable', 'The schema of an event has to be looked up again.');
  }
  if (read.event === null) throw new RoomlogError('corrupt_record', 'A record has become another one.');
  return new LogEvent(streamId, partition, offset, read.event);
}
