/**
 * Past events straight from Kafka, without a gateway: folded from a proper start, filtered by room, and merged over the partitions
 * by time. Ends at what the log held at the call. Events whose `expiresAt` has passed are included: the caller can tell.
 */
import assert from 'node:assert/strict';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition, RoomId } from '../../core/ids.ts';
import { decodeCursor } from '../../core/log/cursor.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { Topics } from '../../core/names.ts';
import type { EventLog, OffsetRange } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';
import { mergeByTime, type TimedBatch } from './merge.ts';
import { partitionEvents, type ReplayedEvent } from './partition-events.ts';
import { findStart, type StartSearch } from './start.ts';

export { cursorOf, type ReplayedEvent } from './partition-events.ts';

/**
 * `start`: the oldest retained event. `time`: the first event with at least this log time, ms since the Unix epoch.
 * `cursor`: behind the event that it names; only with a single room.
 */
export type ReplayFrom =
  | { readonly kind: 'start' }
  | { readonly kind: 'time'; readonly timeMs: number }
  | { readonly kind: 'cursor'; readonly cursor: string };

export interface ReplayOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: Topics;
  /** One room by its name (its partition alone is read), or whatever rooms the predicate takes. */
  readonly rooms: RoomId | ((room: RoomId) => boolean);
  /** Default: start. */
  readonly from?: ReplayFrom;
  /** Events with a greater log time, ms since the Unix epoch, are left out. Default: none. */
  readonly toMs?: number;
  readonly signal?: AbortSignal;
}

/** Outbound is written after inbound, on brokers whose clocks may differ by so much. */
const CLOCK_DIFFERENCE_MS = 600_000;

/** Throws `cursor_invalid`, `bad_frame` (a cursor without a single room), and what reading the log throws. */
export async function* replay(options: ReplayOptions): AsyncGenerator<ReplayedEvent> {
  const { toMs } = options;
  const ranges = await replayedRanges(options);
  const sources = [...ranges].map(([partition, range]) => timed(replayPartition(options, partition, range)));
  for await (const runs of mergeByTime(sources)) {
    for (const { batch, from, to } of runs) {
      for (let at = from; at < to; at++) {
        const event = batch.events[at] as ReplayedEvent;
        if (options.signal?.aborted || (toMs !== undefined && event.time > toMs)) return;
        yield event;
      }
    }
  }
}

/** The partitions to read, each with what it held at the call. Throws `bad_frame`, `topic_missing`. */
export async function replayedRanges({
  log,
  topics,
  rooms,
  from,
}: ReplayOptions): Promise<ReadonlyMap<Partition, OffsetRange>> {
  if (from?.kind === 'cursor' && typeof rooms === 'function') {
    throw new RoomlogError('bad_frame', 'A cursor is a position in one room; name the room.');
  }
  const count = await log.partitionCount(topics.outbound);
  const partitions =
    typeof rooms === 'string'
      ? [partitionOf(rooms, count)]
      : Array.from({ length: count }, (_, number) => number as Partition);
  const ranges = await log.ranges(topics.outbound, partitions);
  for (const partition of partitions) {
    if (!ranges.has(partition)) throw new RoomlogError('topic_missing', undefined, { details: { partition } });
  }
  return new Map(partitions.map((partition) => [partition, ranges.get(partition) as OffsetRange]));
}

/** One partition's part of a replay, in its order, without regard to `toMs`. */
export function replayPartition(
  options: ReplayOptions,
  partition: Partition,
  range: OffsetRange,
): AsyncGenerator<readonly ReplayedEvent[]> {
  const { rooms } = options;
  const wanted = typeof rooms === 'string' ? (room: RoomId) => room === rooms : rooms;
  return selected(options, partition, range, options.from ?? { kind: 'start' }, wanted);
}

interface EventBatch extends TimedBatch {
  readonly events: readonly ReplayedEvent[];
}

async function* timed(source: AsyncIterable<readonly ReplayedEvent[]>): AsyncGenerator<EventBatch> {
  for await (const events of source) yield { times: events.map(({ time }) => time), events };
}

async function* selected(
  options: ReplayOptions,
  partition: Partition,
  range: OffsetRange,
  from: ReplayFrom,
  wanted: (room: RoomId) => boolean,
): AsyncGenerator<readonly ReplayedEvent[]> {
  const { log, codec, topics, signal } = options;
  const topic = topics.outbound;
  const search: StartSearch = { log, codec, topic, partition, oldest: range.start };
  if (from.kind === 'cursor') {
    assert(typeof options.rooms === 'string', 'replay checks it before anything is read');
    yield* behindCursor({ ...options, rooms: options.rooms }, search, range, from.cursor);
    return;
  }
  const target = from.kind === 'start' ? range.start : await offsetBefore(search, from.timeMs);
  const start = await findStart(search, target, range.end);
  if (start === null) return;
  const sinceMs = from.kind === 'time' ? from.timeMs : Number.NEGATIVE_INFINITY;
  const aborts = signal === undefined ? {} : { signal };
  for await (const events of partitionEvents({ log, codec, topic, partition, start, to: range.end, ...aborts })) {
    yield events.filter(({ room, time }) => time >= sinceMs && wanted(room));
  }
}

async function offsetBefore({ log, topic, partition }: StartSearch, timeMs: number): Promise<Offset> {
  const at = (await log.offsetsAt(topic, timeMs - CLOCK_DIFFERENCE_MS, [partition])).get(partition);
  return at ?? (0 as Offset);
}

/** The cursor's record has to prove itself: accepted, of this room, with this seq; or a claim, for an empty room. */
async function* behindCursor(
  options: ReplayOptions & { readonly rooms: RoomId },
  search: StartSearch,
  range: OffsetRange,
  cursor: string,
): AsyncGenerator<readonly ReplayedEvent[]> {
  const { log, codec, signal } = options;
  const { topic, partition } = search;
  const start = await findStart(search, range.end, range.end);
  const position = decodeCursor(await streamIdAt(options, search, range, start?.from ?? null), options.rooms, cursor);
  const { offset, seq } = position;
  if (offset >= range.end) throw new RoomlogError('cursor_invalid', 'The cursor is ahead of the log.');
  const before = await findStart(search, offset, range.end);
  if (before === null) return;
  let proven = seq === 0;
  const aborts = signal === undefined ? {} : { signal };
  for await (const events of partitionEvents({
    log,
    codec,
    topic,
    partition,
    start: before,
    to: range.end,
    ...aborts,
  })) {
    const found: ReplayedEvent[] = [];
    for (const event of events) {
      if (event.offset === offset) proven ||= event.room === options.rooms && event.seq === seq;
      if (event.offset <= offset) continue;
      if (!proven) throw new RoomlogError('cursor_invalid', 'The cursor does not point at an event of this room.');
      if (event.room === options.rooms) found.push(event);
    }
    yield found;
  }
  if (!proven) throw new RoomlogError('cursor_invalid', 'The cursor does not point at an event of this room.');
}

/** The id of the stream, from the newest claim of the partition. */
async function streamIdAt(
  { codec, log }: ReplayOptions,
  { topic, partition }: StartSearch,
  range: OffsetRange,
  claimAt: Offset | null,
): Promise<string> {
  if (claimAt !== null) {
    for await (const records of log.readRange({ topic, partition, from: claimAt, to: range.end })) {
      for (const { value } of records) {
        const record = value === null ? null : codec.decodeOutbound(value);
        if (record === null || 'unknownSchema' in record || record.claim === null) continue;
        if (record.claim.streamId !== '') return record.claim.streamId;
        if (claimAt === 0) return Buffer.from(record.claim.nonce).toString('hex');
      }
    }
  }
  throw new RoomlogError('cursor_invalid', 'The stream has no events yet.');
}
