/**
 * The partition of a key as Kafka's Java client has it: `toPositive(murmur2(key)) % partitions`
 * (org.apache.kafka.common.utils.Utils). librdkafka clients match with `partitioner=murmur2_random`.
 */
import { Buffer } from 'node:buffer';
import type { Partition, RoomId } from '../ids.ts';

const SEED = 0x9747b28c;
const MULTIPLIER = 0x5bd1e995;
const SHIFT = 24;

/** Java's 32-bit signed murmur2. `bytes` beyond `length` are not looked at. */
export function murmur2(bytes: Uint8Array, length: number = bytes.byteLength): number {
  let h = SEED ^ length;
  const wholeWords = length & ~3;
  let at = 0;
  for (; at < wholeWords; at += 4) {
    let k =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    k = Math.imul(k, MULTIPLIER);
    k ^= k >>> SHIFT;
    h = Math.imul(h, MULTIPLIER) ^ Math.imul(k, MULTIPLIER);
  }
  const rest = length - wholeWords;
  if (rest === 3) h ^= (bytes[at + 2] as number) << 16;
  if (rest >= 2) h ^= (bytes[at + 1] as number) << 8;
  if (rest >= 1) h = Math.imul(h ^ (bytes[at] as number), MULTIPLIER);
  h ^= h >>> 13;
  h = Math.imul(h, MULTIPLIER);
  return h ^ (h >>> 15);
}

/** A room has at most 200 bytes; longer strings only come from records that are poison anyway. */
const SCRATCH_BYTES = 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** murmur2 of the name's UTF-8 bytes. */
export function murmur2OfRoom(room: RoomId): number {
  if (room.length * 3 > SCRATCH_BYTES) return murmur2(Buffer.from(room));
  for (let at = 0; at < room.length; at++) {
    const unit = room.charCodeAt(at);
    if (unit >= 0x80) return murmur2(scratch, scratch.write(room));
    scratch[at] = unit;
  }
  return murmur2(scratch, room.length);
}

/** The partition of a room's name (or of the raw bytes of a record's key). */
export function partitionOf(room: RoomId | Uint8Array, partitions: number): Partition {
  const h = typeof room === 'string' ? murmur2OfRoom(room) : murmur2(room);
  return ((h & 0x7fffffff) % partitions) as Partition;
}
