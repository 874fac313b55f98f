/**
 * Metadata, version 7 (https://kafka.apache.org/protocol#The_Messages_Metadata). Our own, since kafkajs refuses the whole answer as soon
 * as one partition has no leader.
 *
 * ```
 * request:  [topic string]  allowAutoCreate int8
 * response: throttle int32  [node int32  host string  port int32  rack string]  cluster string  controller int32
 *           [error int16  topic string  internal int8
 *             [error int16  partition int32  leader int32  leaderEpoch int32  replicas [int32]  isr [int32]  offline [int32]]]
 * ```
 */
import { ByteReader, ByteWriter } from './bytes.ts';
import { type WireRequest, wireRequest } from './request.ts';

export interface BrokerAddress {
  readonly nodeId: number;
  readonly host: string;
  readonly port: number;
}

export interface MetadataAnswer {
  readonly brokers: readonly BrokerAddress[];
  readonly controllerId: number;
  readonly topics: ReadonlyArray<{
    readonly topic: string;
    readonly errorCode: number;
    /** `leader` is -1 where there is none. */
    readonly partitions: ReadonlyArray<{ readonly partition: number; readonly leader: number }>;
  }>;
}

export function metadataRequest(topics: readonly string[]): WireRequest<MetadataAnswer> {
  const body = new ByteWriter().array(topics, (writer, topic) => writer.string(topic)).int8(0);
  return wireRequest('metadata', 7, body.finish(), decodeMetadata);
}

function decodeMetadata(bytes: Buffer): MetadataAnswer & { clientSideThrottleTime: number } {
  const reader = new ByteReader(bytes);
  const clientSideThrottleTime = reader.int32();
  const brokers = reader.array((r) => {
    const nodeId = r.int32();
    const host = r.string() ?? '';
    const port = r.int32();
    r.string();
    return { nodeId, host, port };
  });
  reader.string();
  const controllerId = reader.int32();
  const topics = reader.array((r) => {
    const errorCode = r.int16();
    const topic = r.string() ?? '';
    r.int8();
    return { errorCode, topic, partitions: r.array(decodePartition) };
  });
  return { clientSideThrottleTime, brokers, controllerId, topics };
}

function decodePartition(reader: ByteReader) {
  reader.int16();
  const partition = reader.int32();
  const leader = reader.int32();
  reader.int32();
  for (let list = 0; list < 3; list++) reader.array((r) => r.int32());
  return { partition, leader };
}
