/** What readers of history need to know about a partition that this gateway folds; implemented by `tail/followed-partition.ts`. */
import type { Offset, Partition, RoomId, Seq } from '../../core/ids.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import type { RoomHead } from '../../core/log/room-heads.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Anchors } from './anchors.ts';
import type { Ring } from './ring.ts';

export interface PartitionHistory {
  readonly partition: Partition;
  readonly ring: Ring;
  readonly anchors: Anchors;
  /** The next offset to be folded; everything below was judged. */
  readonly position: Offset;
  /** Highest inbound timestamp folded, ms since the Unix epoch. */
  readonly logTime: number;
  /** Offset of the newest claim folded; -1 before the first. */
  readonly newestClaim: Offset;
  /** False where the fold began behind records that retention had deleted: heads of quiet rooms are unknown then. */
  readonly complete: boolean;
  /** The greatest offset of an event that can expire; -1 if there was none. */
  readonly newestExpiring: Offset;
  /** Throws `unavailable` before a claim told it. */
  readonly streamId: string;
  head(room: RoomId): RoomHead | undefined;
  /** Resolves true once `offset` was folded, false after `timeoutMs` without. */
  folded(offset: Offset, timeoutMs: number): Promise<boolean>;
  /** The log says that records below `start` are gone. */
  retentionPassed(start: Offset): void;
}

/** The cursor of a room's head; for a room without events that of the newest claim. */
export function headCursor(history: PartitionHistory, room: RoomId): string {
  return encodeCursor(history.streamId, room, history.head(room) ?? { offset: history.newestClaim, seq: 0 as Seq });
}

/**
 * Up to where a room has to be read from an offset on: behind its newest event that is not in the ring. What stands beyond may be other rooms' alone,
 * however much it is. Infinity where the room has nothing there, so that only reading to the end can tell.
 */
export function endOfRoom(history: PartitionHistory, room: RoomId, from: number): number {
  const top = history.ring.first(room) ?? history.head(room);
  return top === undefined || top.offset < from ? Number.POSITIVE_INFINITY : top.offset + 1;
}

/**
 * The moment by which members that catch up are told what has expired, ms since the Unix epoch. Log time alone stands still in a
 * quiet partition. Live members get by log time only: a gateway's clock that is wrong must not take from them what is new.
 */
export function expiryTime({ logTime }: PartitionHistory, clock: Clock): number {
  return Math.max(logTime, clock.now());
}
