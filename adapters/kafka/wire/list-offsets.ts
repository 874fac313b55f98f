/**
 * ListOffsets, version 3, read-committed (https://kafka.apache.org/protocol#The_Messages_ListOffsets).
 *
 * ```
 * request:  replica int32 (-1)  isolation int8  [topic string  [partition int32  timestamp int64]]
 * response: throttle int32  [topic string  [partition int32  error int16  timestamp int64  offset int64]]
 * ```
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { type WireRequest, wireRequest } from './request.ts';

/** Instead of a timestamp. */
export const LATEST = -1;
export const EARLIEST = -2;

export interface ListedOffset {
  readonly partition: number;
  readonly errorCode: number;
  /** -1 where no record is as late as the timestamp. */
  readonly offset: number;
}

export interface ListOffsetsAnswer {
  readonly partitions: readonly ListedOffset[];
}

const READ_COMMITTED = 1;

export function listOffsetsRequest(
  topic: string,
  partitions: readonly number[],
  timestamp: number,
): WireRequest<ListOffsetsAnswer> {
  const body = new ByteWriter()
    .int32(-1)
    .int8(READ_COMMITTED)
    .int32(1)
    .string(topic)
    .array(partitions, (writer, partition) => writer.int32(partition).int64(timestamp))
    .finish();
  return wireRequest('listOffsets', 3, body, decodeListOffsets);
}

function decodeListOffsets(bytes: Buffer): ListOffsetsAnswer & { clientSideThrottleTime: number } {
  const reader = new ByteReader(bytes);
  const clientSideThrottleTime = reader.int32();
  const topics = reader.array((r) => {
    r.string();
    return r.array((inner) => {
      const partition = inner.int32();
      const errorCode = inner.int16();
      inner.int64();
      return { partition, errorCode, offset: inner.int64() };
    });
  });
  return { clientSideThrottleTime, partitions: topics.flat() };
}
