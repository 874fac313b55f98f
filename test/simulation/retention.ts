/** What becomes of records that lie in the topics: deleted when their time is over, or no more what was written. */
import { Buffer } from 'node:buffer';
import type { MemoryPartition } from '../../adapters/memory/memory-brokers.ts';
import { parseSnapshotKey } from '../../adapters/snapshots/keys.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { Random } from './random.ts';
import { CODEC } from './shared.ts';
import type { World } from './world.ts';

/** About what a small snapshot takes, manifest and tombstones. */
const NEWEST_RECORDS = 8;

/** One record of the snapshots topic is gone or changed, or all of them are gone. Outbound is whole, so nothing is lost with them. */
export function spoilSnapshots({ brokers, plan }: World, random: Random): void {
  if (!brokers.available) return;
  const number = random.whole(0, plan.partitions - 1) as Partition;
  const partition = brokers.cluster.partition(brokers.topics.snapshots, number);
  if (partition.slots.length === 0) return;
  if (random.chance(0.1)) {
    brokers.cluster.trim(brokers.topics.snapshots, number, partition.range.end);
    return;
  }
  const last = partition.slots.length - 1;
  // The newest are those that anybody reads, and all depends on the manifest.
  const newest = partition.slots.findLastIndex((slot) => slot?.value != null && isManifest(slot.key, number));
  const some = random.chance(0.7) ? random.whole(Math.max(0, last - NEWEST_RECORDS), last) : random.whole(0, last);
  const at = newest >= 0 && random.chance(0.4) ? newest : some;
  const slot = partition.slots[at];
  if (slot?.value == null) return;
  if (random.chance(0.3)) {
    partition.slots[at] = null;
    return;
  }
  const value = random.chance(0.5)
    ? (withOtherNumber(slot.value, random) ?? flipped(slot.value, random))
    : flipped(slot.value, random);
  partition.slots[at] = { ...slot, value };
}

/** One bit is another. Not in the schema's id: a registry that was changed is another fault. */
function flipped(value: Buffer, random: Random): Buffer {
  const changed = Buffer.from(value);
  const byte = random.whole(Math.min(5, value.length - 1), value.length - 1);
  changed[byte] = (changed[byte] as number) ^ (1 << random.whole(0, 7));
  return changed;
}

/** A manifest that can be read, but for one number; null for what is none. Bits that matter are few among those of hashes. */
function withOtherNumber(value: Buffer, random: Random): Buffer | null {
  let record: ReturnType<typeof CODEC.decodeSnapshot>;
  try {
    record = CODEC.decodeSnapshot(value);
  } catch {
    return null;
  }
  if ('unknownSchema' in record || record.manifest === null) return null;
  const name = random.pick(['lastInbound', 'lastInboundTime', 'logTime', 'epoch', 'forgottenBefore', 'rooms'] as const);
  const manifest = { ...record.manifest, [name]: record.manifest[name] + random.pick([-3, -1, 1, 2]) };
  return CODEC.encodeSnapshot({ ...record, manifest });
}

/** Inbound records that were answered are deleted, the newest of them too. */
export function passInbound({ brokers, plan, outbound }: World, random: Random): void {
  if (!brokers.available) return;
  const number = random.whole(0, plan.partitions - 1) as Partition;
  outbound.read();
  const { start } = brokers.cluster.partition(brokers.topics.inbound, number);
  const to = start + random.whole(0, Math.max(0, outbound.answered(number) + 1 - start));
  if (to > start) brokers.cluster.trim(brokers.topics.inbound, number, to as Offset);
}

/**
 * Outbound records below a complete snapshot are deleted, once in each partition: who is passed by retention twice within ten
 * minutes is right to stand still.
 */
export function passOutbound({ brokers, plan, outbound }: World, random: Random): void {
  if (!brokers.available) return;
  const number = random.whole(0, plan.partitions - 1) as Partition;
  const { start } = brokers.cluster.partition(brokers.topics.outbound, number);
  const kept = snapshotsIn(brokers.cluster.partition(brokers.topics.snapshots, number), number).slice(-2);
  if (start > 0 || kept.length === 0) return;
  const to = random.whole(0, random.pick(kept));
  if (to === 0) return;
  outbound.read();
  brokers.cluster.trim(brokers.topics.outbound, number, to as Offset);
}

function isManifest(key: Buffer | null, partition: Partition): boolean {
  return parseSnapshotKey(partition, key)?.chunk === null;
}

/** Offsets of the snapshots whose manifests stand in the topic, the oldest first. */
function snapshotsIn({ slots }: MemoryPartition, partition: Partition): number[] {
  const found = new Set<number>();
  for (const slot of slots) {
    const key = parseSnapshotKey(partition, slot?.key ?? null);
    if (key === null || key.chunk !== null) continue;
    if (slot?.value == null) found.delete(key.offset);
    else found.add(key.offset);
  }
  return [...found].sort((left, right) => left - right);
}
