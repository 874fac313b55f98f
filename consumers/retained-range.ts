/** A partition's offsets, out of an answer that must hold them. */
import { RoomlogError } from '../core/errors.ts';
import type { Partition } from '../core/ids.ts';
import type { OffsetRange } from '../core/ports/event-log.ts';

/** @throws {RoomlogError} topic_missing where Kafka named no such partition. */
export function rangeOf(ranges: ReadonlyMap<Partition, OffsetRange>, partition: Partition): OffsetRange {
  const range = ranges.get(partition);
  if (range === undefined) throw new RoomlogError('topic_missing', undefined, { details: { partition } });
  return range;
}
