/** How long service was away: R of each fault, from the history alone. */
import type { RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { HistoryLine } from '../checker/history.ts';
import type { MadeFault } from './world.ts';

export interface Recovery {
  /**
   * ms from the fault's beginning (or healing, see `MadeFault.recovery`) to the ack of a publish that was sent after it, in the
   * partition where that took longest; null where one never got there.
   */
  readonly ackMs: number | null;
  /** ms from a lost connection, or the healing if that was later, to its client's next join or resume; the longest; null: none was lost. */
  readonly reconnectMs: number | null;
}

/** `history` sorted by time. */
export function recoveryOf(history: readonly HistoryLine[], fault: MadeFault, partitions: number): Recovery {
  const { recovery, beganAt, struckAt, healedAt } = fault;
  return {
    ackMs: ackMs(history, recovery === 'begin' ? struckAt : healedAt, partitions),
    reconnectMs: reconnectMs(history, fault, recovery === 'begin' ? beganAt : healedAt),
  };
}

function ackMs(history: readonly HistoryLine[], since: number, partitions: number): number | null {
  const sent = new Map<string, number>();
  const first = new Map<number, number>();
  for (const line of history) {
    if (line.at < since) continue;
    if (line.type === 'publish') sent.set(line.op, partitionOf(line.room as RoomId, partitions));
    if (line.type !== 'ack') continue;
    const partition = sent.get(line.op);
    if (partition !== undefined && !first.has(partition)) first.set(partition, line.at - since);
    if (first.size === partitions) break;
  }
  return first.size === partitions ? Math.max(...first.values()) : null;
}

function reconnectMs(history: readonly HistoryLine[], fault: MadeFault, since: number): number | null {
  const away = new Map<string, number>();
  let longest: number | null = null;
  for (const line of history) {
    if (line.type === 'close' && line.at >= fault.beganAt && line.at <= fault.healedAt) {
      if (!away.has(line.client)) away.set(line.client, line.at);
    } else if (line.type === 'join' || line.type === 'resume') {
      const closedAt = away.get(line.client);
      if (closedAt === undefined) continue;
      away.delete(line.client);
      longest = Math.max(longest ?? 0, line.at - Math.max(closedAt, since));
    }
  }
  return longest;
}
