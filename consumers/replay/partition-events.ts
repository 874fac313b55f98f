/** The events of one outbound partition, in order, as the fold has them: zombies' records and repeats left out. */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import { Fold } from '../../core/log/fold.ts';
import type { SequencedEvent } from '../../core/log/record.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { decodeOutbound } from '../decode-outbound.ts';
import { readAhead } from '../read-ahead.ts';
import type { FoldStart } from './start.ts';

/** An accepted event and where it stands. */
export interface ReplayedEvent extends SequencedEvent {
  readonly partition: Partition;
  readonly offset: Offset;
  readonly streamId: string;
}

/** Resumes behind this event, on any gateway. */
export function cursorOf({
  streamId,
  room,
  offset,
  seq,
}: Pick<ReplayedEvent, 'streamId' | 'room' | 'offset' | 'seq'>): string {
  return encodeCursor(streamId, room, { offset, seq });
}

export interface PartitionEventsOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partition: Partition;
  readonly start: FoldStart;
  /** Exclusive. */
  readonly to: Offset;
  readonly signal?: AbortSignal;
}

/**
 * Yields what each fetch accepted, possibly nothing. Throws `fold_halted` where the log contradicts itself,
 * `schema_not_found`, `registry_unreachable`, `offset_out_of_range` where retention was faster.
 */
export async function* partitionEvents(options: PartitionEventsOptions): AsyncGenerator<readonly ReplayedEvent[]> {
  const { log, codec, topic, partition, start, to, signal } = options;
  const fold = new Fold({ start: start.kind });
  const range = {
    topic,
    partition,
    from: start.from,
    to,
    fetchAhead: true,
    keys: false,
    ...(signal === undefined ? {} : { signal }),
  };
  for await (const records of readAhead(log.readRange(range))) {
    const events: ReplayedEvent[] = [];
    for (const { offset, value } of records) {
      const decoded = decodeOutbound(codec, value, () => false, silentLog);
      const record = decoded instanceof Promise ? await decoded : decoded;
      const verdict = fold.apply(offset, record);
      if (verdict.kind === 'fault') {
        throw new RoomlogError('fold_halted', `Outbound partition ${partition}: ${verdict.message}.`);
      }
      if (verdict.kind !== 'accepted' || record.event === null) continue;
      const { streamId } = fold.chain;
      if (streamId === null) {
        throw new RoomlogError('stream_mismatch', `No claim of partition ${partition} names the stream.`);
      }
      events.push(placed(record.event, partition, offset, streamId));
    }
    yield events;
  }
}

/** Field by field: spreading an event and adding to it costs as much as reading it. */
function placed(event: SequencedEvent, partition: Partition, offset: Offset, streamId: string): ReplayedEvent {
  return {
    room: event.room,
    seq: event.seq,
    time: event.time,
    prev: event.prev,
    user: event.user,
    session: event.session,
    pub: event.pub,
    key: event.key,
    origin: event.origin,
    event: event.event,
    contentType: event.contentType,
    data: event.data,
    expiresAt: event.expiresAt,
    traceparent: event.traceparent,
    partition,
    offset,
    streamId,
  };
}
