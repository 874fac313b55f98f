/** Reads a bounded range of one partition, in chunks, through the shared read sockets. */
import { setImmediate as turn } from 'node:timers/promises';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { LogRecord, RangeOptions } from '../../core/ports/event-log.ts';
import { backOffMs, Pause } from './back-off.ts';
import type { Connections } from './connection.ts';
import { handOverError } from './hand-over.ts';
import type { Metadata } from './metadata.ts';
import type { Offsets } from './offsets.ts';
import { BatchDecoder, type DecodedSlice } from './wire/decode-batches.ts';
import { brokerError, CODES } from './wire/error-codes.ts';
import { type FetchedPartition, fetchRequest } from './wire/fetch.ts';

/** Without progress for this long a read gives up with `kafka_unreachable`. */
const PATIENCE_MS = 30_000;
/** What is asked for is there already, so the broker has nothing to wait for. */
const MAX_WAIT_MS = 100;

export interface RangeParts {
  readonly connections: Connections;
  readonly metadata: Metadata;
  readonly offsets: Offsets;
  readonly clock: Clock;
  readonly fetchBytes: number;
}

export async function* readRange(options: RangeOptions, parts: RangeParts): AsyncGenerator<readonly LogRecord[]> {
  const { topic, partition, signal } = options;
  if (signal?.aborted || options.from >= options.to) return;
  const range = (await parts.offsets.ranges(topic, [partition])).get(partition);
  if (!range) throw new RoomlogError('topic_missing', undefined, { details: { topic, partition } });
  const to = Math.min(options.to, range.end);
  let next: number = options.from;
  let failures = 0;
  let progressAt = parts.clock.monotonic();
  while (next < to && !signal?.aborted) {
    let fetched: FetchedPartition;
    try {
      fetched = await fetchOnce(options, next, parts);
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'kafka_unreachable');
      const patient = !parts.connections.closed && parts.clock.monotonic() - progressAt < PATIENCE_MS;
      if (error.code !== 'kafka_unreachable' || !patient) throw error;
      parts.metadata.markStale(topic);
      await new Pause().for(backOffMs(++failures));
      continue;
    }
    const before = next;
    const decoder = new BatchDecoder(fetched.records, next, fetched.aborted);
    for (let more = true; more && next < to && !signal?.aborted; ) {
      const slice = await decode(decoder, options);
      ({ next, more } = slice);
      const last = slice.records.at(-1);
      const wanted = last && last.offset >= to ? slice.records.filter((r) => r.offset < to) : slice.records;
      if (wanted.length > 0 && !signal?.aborted) yield wanted;
      if (more) await turn();
    }
    if (next > before) {
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

async function fetchOnce(options: RangeOptions, next: number, parts: RangeParts): Promise<FetchedPartition> {
  const { topic, partition } = options;
  const { leaders } = await parts.metadata.leaders(topic);
  const leader = leaders.get(partition);
  if (!leader)
    throw new RoomlogError('kafka_unreachable', 'The partition has no leader.', { details: { topic, partition } });
  const maxBytes = options.maxBytesPerFetch ?? parts.fetchBytes;
  const partitions = [{ partition, offset: next, maxBytes }];
  const answer = await parts.connections.send(
    leader,
    fetchRequest({ topic, partitions, maxWaitMs: MAX_WAIT_MS, maxBytes }),
  );
  const fetched = answer.partitions[0];
  const code = fetched?.errorCode ?? answer.errorCode;
  const details = { topic, partition, offset: next };
  if (fetched && code === CODES.none) return fetched;
  if (code === CODES.topicAuthorizationFailed) throw brokerError('kafka_refused', code, details);
  if (code === CODES.offsetOutOfRange) {
    const range = (await parts.offsets.ranges(topic, [partition])).get(partition);
    if (!range || next < range.start || next > range.end) {
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
