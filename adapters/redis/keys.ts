/**
 * Names of keys and channels. What a script touches together shares a hash tag (the part in braces), so that a cluster
 * keeps it in one slot; room names are percent-encoded, which leaves them readable and free of braces.
 */
import type { RoomId, UserId } from '../../core/ids.ts';

export interface RedisKeys {
  /** Hash: connection → `<instance>|<member as JSON>`. */
  members(room: RoomId): string;
  /** Number of the newest diff. */
  version(room: RoomId): string;
  /** Channel of a room's diffs. */
  diffs(room: RoomId): string;
  /** Set of all instances that have not been reaped. */
  instances(): string;
  /** Exists while the instance lives. */
  lease(instance: string): string;
  /** Set of the rooms that an instance has, or had, members in. */
  rooms(instance: string): string;
  /** Channel of a room's signals that are never stored. */
  ephemeral(room: RoomId): string;
  /** Hash: connection → JSON of where it is. */
  connections(user: UserId): string;
}

export function redisKeys(prefix: string): RedisKeys {
  const start = encodeURIComponent(prefix);
  const tag = (name: string): string => `{${encodeURIComponent(name)}}`;
  return {
    members: (room) => `${start}:presence:${tag(room)}:members`,
    version: (room) => `${start}:presence:${tag(room)}:version`,
    diffs: (room) => `${start}:presence:${tag(room)}:diffs`,
    instances: () => `${start}:presence:instances`,
    lease: (instance) => `${start}:instance:${tag(instance)}:lease`,
    rooms: (instance) => `${start}:instance:${tag(instance)}:rooms`,
    ephemeral: (room) => `${start}:ephemeral:${tag(room)}`,
    connections: (user) => `${start}:user:${tag(user)}:connections`,
  };
}
