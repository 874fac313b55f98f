/**
 * Produce, version 7 (https://kafka.apache.org/protocol#The_Messages_Produce).
 *
 * ```
 * request:  transactionalId string (null)  acks int16 (-1)  timeout int32  [topic string  [partition int32  records bytes]]
 * response: [topic string  [partition int32  error int16  baseOffset int64  logAppendTime int64  logStart int64]]  throttle int32
 * ```
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { type WireRequest, wireRequest } from './request.ts';

export interface ProducedPartition {
  readonly partition: number;
  readonly errorCode: number;
  /** -1 where nothing was appended. */
  readonly baseOffset: number;
}

export interface ProduceAnswer {
  readonly partitions: readonly ProducedPartition[];
}

const ACKS_ALL = -1;
/** More than what stands around a batch, and around all of them. */
const ENVELOPE_BYTES = 64;

/** `timeoutMs` is how long the leader waits for its replicas before it answers REQUEST_TIMED_OUT. */
export function produceRequest(
  topic: string,
  batches: ReadonlyArray<{ readonly partition: number; readonly batch: Buffer }>,
  timeoutMs: number,
): WireRequest<ProduceAnswer> {
  const bytes = batches.reduce((sum, { batch }) => sum + batch.length + ENVELOPE_BYTES, ENVELOPE_BYTES + topic.length);
  const body = new ByteWriter(bytes)
    .string(null)
    .int16(ACKS_ALL)
    .int32(timeoutMs)
    .int32(1)
    .string(topic)
    .array(batches, (writer, { partition, batch }) => writer.int32(partition).int32(batch.length).raw(batch))
    .finish();
  return wireRequest('produce', 7, body, decodeProduce);
}

function decodeProduce(bytes: Buffer): ProduceAnswer & { clientSideThrottleTime: number } {
  const reader = new ByteReader(bytes);
  const topics = reader.array((r) => {
    r.string();
    return r.array((inner) => {
      const partition = inner.int32();
      const errorCode = inner.int16();
      const baseOffset = inner.int64();
      inner.int64();
      inner.int64();
      return { partition, errorCode, baseOffset };
    });
  });
  return { partitions: topics.flat(), clientSideThrottleTime: reader.int32() };
}
