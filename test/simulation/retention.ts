/** What becomes of records that lie in the topics: deleted when their time is over, or no more what was written. */
import { Buffer } from 'node:buffer';
import type { MemoryPartition } from '../../adapters/memory/memory-brokers.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import type { Random } from './random.ts';
import { CODEC } from './shared.ts';
import type { World } from './world.ts';

/** One record of the snapshots topic is gone or changed, or all of them are gone. Outbound is whole, so nothing is lost with them. */
export function spoilSnapshots({ brokers, plan }: World, random: Random): void {
  if (!brokers.available) return;
  const number = random.whole(0, plan.partitions - 1) as Partition;
  const partition = brokers.cluster.partition(brokers.topics.snapshots, number);
  if (partition.slots.length === 0) return;
  if (random.chance(0.2)) {
    brokers.cluster.trim(brokers.topics.snapshots, number, partition.range.end);
    return;
  }
  const at = random.whole(0, partition.slots.length - 1);
  const slot = partition.slots[at];
  if (slot?.value == null) return;
  if (random.chance(0.5)) {
    partition.slots[at] = null;
    return;
  }
  const value = Buffer.from(slot.value);
  // Not the schema's id: a registry that was changed is another fault.
  const byte = random.whole(Math.min(5, value.length - 1), value.length - 1);
  value[byte] = (value[byte] as number) ^ (1 << random.whole(0, 7));
  partition.slots[at] = { ...slot, value };
}

/** Inbound records that were answered are deleted, the newest of them too. */
export function passInbound({ brokers, plan }: World, random: Random): void {
  if (!brokers.available) return;
  const number = random.whole(0, plan.partitions - 1) as Partition;
  const answered = lastInboundIn(brokers.cluster.partition(brokers.topics.outbound, number));
  const { start } = brokers.cluster.partition(brokers.topics.inbound, number);
  const to = start + random.whole(0, Math.max(0, answered + 1 - start));
  if (to > start) brokers.cluster.trim(brokers.topics.inbound, number, to as Offset);
}

function lastInboundIn({ slots }: MemoryPartition): number {
  const chain = Chain.atStart();
  for (const slot of slots) {
    if (slot?.value == null) continue;
    const record = CODEC.decodeOutbound(slot.value);
    if (!('unknownSchema' in record)) chain.judge(slot.offset, record);
  }
  return chain.lastInbound;
}
