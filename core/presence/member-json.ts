/** Members and diffs as JSON, as they stand in a shared store. What can't be read is left out: it may be of another version. */
import type { RoomId } from '../ids.ts';
import type { Member, PresenceDiff } from '../ports/presence-store.ts';

/** null for what is no member. */
export function parseMember(text: string): Member | null {
  try {
    return toMember(JSON.parse(text));
  } catch {
    return null;
  }
}

/** `{"version": n, "joined": [member, …], "left": [member, …]}`; null for what is no diff. */
export function parseDiff(room: RoomId, text: string): PresenceDiff | null {
  try {
    const { version, joined, left } = JSON.parse(text);
    if (!Number.isSafeInteger(version) || !Array.isArray(joined) || !Array.isArray(left)) return null;
    return { room, version, joined: toMembers(joined), left: toMembers(left) };
  } catch {
    return null;
  }
}

const toMembers = (values: readonly unknown[]): Member[] => values.map(toMember).filter((member) => member !== null);

function toMember(value: unknown): Member | null {
  if (typeof value !== 'object' || value === null) return null;
  const { user, connection, since, meta } = value as Record<string, unknown>;
  if (typeof user !== 'string' || typeof connection !== 'string' || typeof since !== 'number') return null;
  return { user, connection, since, meta: typeof meta === 'string' ? meta : null } as Member;
}
