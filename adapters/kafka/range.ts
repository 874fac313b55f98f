/** Reads a bounded range of one partition, in chunks, through the shared read sockets. */
import { setImmediate as turn } from 'node:timers/promises';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogRecord, OffsetRange, RangeOptions } from '../../core/ports/event-log.ts';
import { backOffMs, Pause } from './back-off.ts';
import type { Connections } from './connection.ts';
import { handOverError } from './hand-over.ts';
import type { KafkaMetrics } from './kafka-metrics.ts';
import type { Metadata } from './metadata.ts';
import type { Offsets } from './offsets.ts';
import { offsetBehind } from './wire/batch-header.ts';
import { BatchDecoder, type DecodedSlice } from './wire/decode-batches.ts';
import { brokerError, CODES } from './wire/error-codes.ts';
import { type FetchedPartition, fetchRequest } from './wire/fetch.ts';

/** Without progress for this long a read gives up with `kafka_unreachable`. */
const PATIENCE_MS = 30_000;
/** Before the first answer: so many tries, each after a back-off, then `kafka_unreachable`. */
const FIRST_TRIES = 6;
/** Records decoded at a time: fewer than of a tail, since what is read here is never urgent, and what waits behind it may be. */
const SLICE_RECORDS = 256;
/** What is asked for is there already, so the broker has nothing to wait for. */
const MAX_WAIT_MS = 100;

export interface RangeParts {
  readonly connections: Connections;
  readonly metadata: Metadata;
  readonly offsets: Offsets;
  readonly clock: Clock;
  readonly fetchBytes: number;
  readonly metrics?: Pick<KafkaMetrics, 'rangeFetched'>;
}

export async function* readRange(options: RangeOptions, parts: RangeParts): AsyncGenerator<readonly LogRecord[]> {
  const { topic, partition, signal } = options;
  if (signal?.aborted || options.from >= options.to) return;
  let to: number = options.to;
  let hasAnswer = false;
  let yielded = false;
  let next: number = options.from;
  let failures = 0;
  let progressAt = parts.clock.monotonic();
  let ahead: { readonly from: number; readonly fetched: Promise<FetchedPartition> } | null = null;
  while (next < to && !signal?.aborted) {
    let fetched: FetchedPartition;
    try {
      const asked: typeof ahead = ahead;
      ahead = null;
      fetched = await (asked?.from === next
        ? asked.fetched
        : fetchOnce(options, next, parts, hasAnswer ? MAX_WAIT_MS : 0));
      parts.metrics?.rangeFetched(fetched.records.length);
      // Most reads end below what the leader has, and need no question more. A fetch alone does not tell the end: a leader that is new may
      // not know yet how far its followers are, and answers as if the log ended there; asked for the end, it says that it does not know.
      if (!hasAnswer && to > fetched.lastStableOffset) to = Math.min(to, (await rangeOf(options, parts)).end);
      hasAnswer = true;
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'kafka_unreachable');
      // Where nothing was there when it began, it ends as it begins.
      if (!hasAnswer && error.code === 'offset_out_of_range' && next > Number(error.details.end)) return;
      const patient =
        !parts.connections.closed &&
        (hasAnswer ? parts.clock.monotonic() - progressAt < PATIENCE_MS : failures < FIRST_TRIES);
      if (error.code !== 'kafka_unreachable' || !patient) throw error;
      parts.metadata.markStale(topic);
      await new Pause().for(backOffMs(++failures));
      continue;
    }
    const behind = options.fetchAhead === true ? offsetBehind(fetched.records) : null;
    if (behind !== null && behind > next && behind < to) {
      ahead = { from: behind, fetched: fetchOnce(options, behind, parts, MAX_WAIT_MS) };
      // Whoever stops early never looks at it.
      ahead.fetched.catch(() => {});
    }
    const before = next;
    const decoder = new BatchDecoder(fetched.records, next, fetched.aborted, {
      sliceRecords: SLICE_RECORDS,
      keys: options.keys ?? true,
    });
    for (let more = true; more && next < to && !signal?.aborted; ) {
      const slice = await decode(decoder, options);
      ({ next, more } = slice);
      const last = slice.records.at(-1);
      const wanted = last && last.offset >= to ? slice.records.filter((r) => r.offset < to) : slice.records;
      if (wanted.length > 0 && !signal?.aborted) {
        yielded = true;
        yield wanted;
      }
      if (more) await turn();
    }
    if (next > before) {
      if (options.oneFetch === true && yielded) return;
      failures = 0;
      progressAt = parts.clock.monotonic();
    } else if (parts.clock.monotonic() - progressAt >= PATIENCE_MS) {
      throw new RoomlogError('kafka_unreachable', 'The read makes no progress.', {
        details: { topic, partition, offset: next },
      });
    } else {
      // A new leader may not know yet how far its followers are.
      await new Pause().for(backOffMs(++failures));
    }
  }
}

async function rangeOf({ topic, partition }: RangeOptions, { offsets }: RangeParts): Promise<OffsetRange> {
  const range = (await offsets.ranges(topic, [partition])).get(partition);
  if (!range) throw new RoomlogError('topic_missing', undefined, { details: { topic, partition } });
  return range;
}

async function fetchOnce(
  options: RangeOptions,
  next: number,
  parts: RangeParts,
  maxWaitMs: number,
): Promise<FetchedPartition> {
  const { topic, partition } = options;
  const { leaders } = await parts.metadata.leaders(topic);
  const leader = leaders.get(partition);
  if (leader === undefined) throw new RoomlogError('topic_missing', undefined, { details: { topic, partition } });
  if (leader === null)
    throw new RoomlogError('kafka_unreachable', 'The partition has no leader.', { details: { topic, partition } });
  const maxBytes = options.maxBytesPerFetch ?? parts.fetchBytes;
  const partitions = [{ partition, offset: next, maxBytes }];
  const answer = await parts.connections.send(leader, fetchRequest({ topic, partitions, maxWaitMs, maxBytes }));
  const fetched = answer.partitions[0];
  const code = fetched?.errorCode ?? answer.errorCode;
  const details = { topic, partition, offset: next };
  if (fetched && code === CODES.none) return fetched;
  if (code === CODES.topicAuthorizationFailed) throw brokerError('kafka_refused', code, details);
  if (code === CODES.offsetOutOfRange) {
    const range = await rangeOf(options, parts);
    if (next < range.start || next > range.end) {
      throw new RoomlogError('offset_out_of_range', undefined, { details: { ...details, ...range } });
    }
  }
  throw brokerError('kafka_unreachable', code, details);
}

async function decode(decoder: BatchDecoder, { topic, partition }: RangeOptions): Promise<DecodedSlice> {
  try {
    return await decoder.slice();
  } catch (thrown) {
    throw handOverError(topic, partition, thrown);
  }
}
