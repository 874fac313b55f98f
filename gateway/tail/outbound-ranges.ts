/** What outbound holds: when a gateway starts, where Kafka may still be away, and later of one partition. */
import { setTimeout as sleep } from 'node:timers/promises';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { EventLog, OffsetRange } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';

/** Pause between attempts to reach Kafka, ms. */
const PAUSE_MS = 500;

export interface OutboundRangesOptions {
  readonly log: EventLog;
  readonly topic: string;
  /** P as configured. */
  readonly partitions: number;
  readonly logger: LogSink;
  isWanted(): boolean;
}

/** Asks for as long as `isWanted` says. Throws `partition_mismatch`, `topic_missing`; `draining` when it is not wanted any more. */
export async function outboundRanges(options: OutboundRangesOptions): Promise<Map<Partition, OffsetRange>> {
  const { log, topic, partitions, logger, isWanted } = options;
  while (isWanted()) {
    try {
      const found = await log.partitionCount(topic);
      if (found !== partitions) {
        throw new RoomlogError('partition_mismatch', undefined, { details: { topic, expected: partitions, found } });
      }
      return await log.ranges(topic);
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'kafka_unreachable');
      if (!error.definition.retryable) throw error;
      logger.warn({ err: error }, 'waiting for Kafka');
      await sleep(PAUSE_MS);
    }
  }
  throw new RoomlogError('draining');
}

/** The end of one partition as Kafka says it now. Throws `kafka_unreachable`, `partition_mismatch`. */
export async function endOfPartition(log: EventLog, topic: string, number: Partition): Promise<Offset> {
  const range = (await log.ranges(topic, [number])).get(number);
  if (range === undefined) throw new RoomlogError('partition_mismatch');
  return range.end;
}
