/**
 * Who is in a room, over all gateways. It holds only what may be lost: after a flush every gateway announces its own
 * members again. Implementations: `adapters/redis/presence.ts`, `adapters/memory/presence.ts`; one contract suite.
 */
import type { ConnectionId, RoomId, UserId } from '../ids.ts';

export interface Member {
  readonly user: UserId;
  readonly connection: ConnectionId;
  /** ms since the Unix epoch, by the joining gateway's clock. */
  readonly since: number;
  /** JSON text of at most 1 KiB, as the client gave it; null if none. */
  readonly meta: string | null;
}

/** The members at one version. `count` is the whole number even where `members` was cut. */
export interface MemberList {
  readonly version: number;
  readonly members: readonly Member[];
  readonly count: number;
}

/** From `version - 1` to `version`. A reader that misses a version asks for the list again. */
export interface PresenceDiff {
  readonly room: RoomId;
  readonly version: number;
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
}

export interface PresenceStore {
  /** Announces (or, same connection again, changes the meta of) a member. Throws `redis_unreachable`; the wish is kept and announced on return. */
  join(room: RoomId, member: Member): Promise<void>;
  /** Takes a member back. Never throws for an unreachable store: the lease ends it. */
  leave(room: RoomId, connection: ConnectionId): Promise<void>;
  /** Throws `redis_unreachable`. */
  members(room: RoomId): Promise<MemberList>;
  /** Starts handing over the diffs of a room; one handler per room. */
  watch(room: RoomId, onDiff: (diff: PresenceDiff) => void): void;
  unwatch(room: RoomId): void;
  /** Whether the store answered its last command. */
  readonly available: boolean;
  start(): Promise<void>;
  /** Takes back all of this gateway's members. */
  stop(): Promise<void>;
}
