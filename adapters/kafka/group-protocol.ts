/**
 * What members of the group tell each other (the `consumer` embedded protocol, https://kafka.apache.org/protocol, written as kafkajs
 * and the Java client write it, so that stock tools can describe the group).
 *
 * ```
 * subscription: version int16 (0)  [topic string]  userData bytes: { generation int32  [partition int32] }
 * assignment:   version int16 (0)  [topic string  [partition int32]]  userData bytes
 * ```
 */
import type { Partition } from '../../core/ids.ts';
import { assignSticky, type Candidate } from './sticky-assignment.ts';
import { ByteReader, ByteWriter } from './wire/bytes.ts';

export const PROTOCOL_NAME = 'roomlog-sticky';

export interface Owned {
  readonly partitions: readonly Partition[];
  readonly generation: number;
}

const int32s = (writer: ByteWriter, values: readonly number[]) => writer.array(values, (w, value) => w.int32(value));
const withLength = (writer: ByteWriter, bytes: Buffer) => writer.int32(bytes.length).raw(bytes);

export function encodeSubscription(topic: string, owned: Owned): Buffer {
  const userData = int32s(new ByteWriter().int32(owned.generation), owned.partitions).finish();
  return withLength(
    new ByteWriter().int16(0).array([topic], (w, name) => w.string(name)),
    userData,
  ).finish();
}

export function decodeSubscription(memberId: string, bytes: Buffer): Candidate {
  try {
    const reader = new ByteReader(bytes);
    reader.int16();
    reader.array((r) => r.string());
    const userData = new ByteReader(reader.nullableBytes() ?? Buffer.alloc(0));
    const generation = userData.int32();
    return { memberId, generation, owned: userData.array((r) => r.int32() as Partition) };
  } catch {
    // Somebody else's member: it gets its share, but has no claim on any partition.
    return { memberId, generation: -1, owned: [] };
  }
}

export function encodeAssignment(topic: string, partitions: readonly Partition[]): Buffer {
  const writer = new ByteWriter().int16(0).array([topic], (w, name) => int32s(w.string(name), partitions));
  return withLength(writer, Buffer.alloc(0)).finish();
}

export function decodeAssignment(topic: string, bytes: Buffer): Partition[] {
  if (bytes.length < 2) return [];
  const reader = new ByteReader(bytes);
  reader.int16();
  const topics = reader.array((r) => ({
    topic: r.string(),
    partitions: r.array((inner) => inner.int32() as Partition),
  }));
  return topics
    .filter((t) => t.topic === topic)
    .flatMap((t) => t.partitions)
    .sort((a, b) => a - b);
}

/** The leader's work: everybody's share, ready to send. */
export function assignAll(
  topic: string,
  members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Buffer }>,
  partitions: number,
): Array<{ memberId: string; assignment: Buffer }> {
  const shares = assignSticky(
    members.map((m) => decodeSubscription(m.memberId, m.metadata)),
    partitions,
  );
  return [...shares].map(([memberId, share]) => ({ memberId, assignment: encodeAssignment(topic, share) }));
}
