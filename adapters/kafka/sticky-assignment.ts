/**
 * Who of a group gets which partitions: as even as possible, and whoever had a partition keeps it. Kept apart from the
 * group protocol so that the memory log shares it. A pure function of its arguments, since every leader has to agree.
 */
import type { Partition } from '../../core/ids.ts';

export interface Candidate {
  readonly memberId: string;
  /** The partitions of its last assignment. */
  readonly owned: readonly Partition[];
  /** The generation of that assignment; of two members that claim a partition, the later one has it. -1 if none. */
  readonly generation: number;
}

/** Every partition 0 to `partitions - 1` goes to exactly one member; counts differ by one at most. */
export function assignSticky(members: readonly Candidate[], partitions: number): Map<string, Partition[]> {
  const result = new Map<string, Partition[]>();
  const order = [...members].sort((a, b) => (a.memberId < b.memberId ? -1 : a.memberId > b.memberId ? 1 : 0));
  for (const member of order) result.set(member.memberId, []);
  if (order.length === 0) return result;

  const floor = Math.floor(partitions / order.length);
  // This many members may have one partition more than the others.
  let extras = partitions - floor * order.length;
  const owner = new Map<Partition, Candidate>();
  for (const member of order) {
    for (const partition of member.owned) {
      const rival = owner.get(partition);
      if (partition < partitions && (!rival || rival.generation < member.generation)) owner.set(partition, member);
    }
  }

  const taken = new Set<Partition>();
  // Those who own most choose first, so that the larger shares stay where they are.
  const byOwned = [...order].sort((a, b) => b.owned.length - a.owned.length);
  for (const member of byOwned) {
    const share = result.get(member.memberId) ?? [];
    for (const partition of [...new Set(member.owned)].sort((a, b) => a - b)) {
      if (owner.get(partition) !== member) continue;
      const room = share.length < floor || (share.length === floor && extras > 0);
      if (!room) break;
      if (share.length === floor) extras--;
      share.push(partition);
      taken.add(partition);
    }
  }
  for (let number = 0; number < partitions; number++) {
    const partition = number as Partition;
    if (taken.has(partition)) continue;
    let poorest: Partition[] | undefined;
    for (const member of order) {
      const share = result.get(member.memberId);
      if (share && (!poorest || share.length < poorest.length)) poorest = share;
    }
    poorest?.push(partition);
  }
  for (const share of result.values()) share.sort((a, b) => a - b);
  return result;
}
