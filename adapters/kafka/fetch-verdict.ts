/** What the answer for one partition means for its reading. */
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { Offsets } from './offsets.ts';
import { brokerError, CODES } from './wire/error-codes.ts';

interface Position {
  readonly topic: string;
  readonly partition: Partition;
  readonly offset: number;
}

/** `elsewhere`: another broker has to be asked. An error ends the reading. */
export function verdictOf(code: number, position: Position): 'fine' | 'out_of_range' | 'elsewhere' | RoomlogError {
  const { topic, partition } = position;
  switch (code) {
    case CODES.none:
      return 'fine';
    case CODES.offsetOutOfRange:
      return 'out_of_range';
    case CODES.corruptMessage:
    case CODES.unsupportedCompressionType:
      return brokerError('corrupt_record', code, { ...position });
    case CODES.topicAuthorizationFailed:
      return brokerError('kafka_refused', code, { topic, partition });
    default:
      return 'elsewhere';
  }
}

/** Asks where the log starts and ends; null where the position is inside after all, or nobody answers. */
export async function outside(offsets: Offsets, { topic, partition, offset }: Position): Promise<RoomlogError | null> {
  const ranges = await offsets.ranges(topic, [partition]).catch(() => null);
  const range = ranges?.get(partition);
  if (ranges === null || (range && offset >= range.start && offset <= range.end)) return null;
  return new RoomlogError('offset_out_of_range', undefined, { details: { topic, partition, offset, ...range } });
}
