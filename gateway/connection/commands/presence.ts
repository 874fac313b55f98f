/** `presence`: the members of a room; with `meta`, after replacing one's own. */
import { RoomlogError } from '../../../core/errors.ts';
import type { PresenceCommandFrame } from '../../protocol/frames.ts';
import type { Client } from '../client.ts';

/**
 * Needs the `join` right. Who has joined without presence becomes a member by giving a `meta`; who has not joined can only
 * look. Throws what the client is to be told.
 */
export async function showPresence(connection: Client, frame: PresenceCommandFrame): Promise<void> {
  const { services, memberships, principal } = connection;
  const { id, room, meta } = frame;
  principal.permissions.require('join', room);
  if (meta !== null && !memberships.has(room)) {
    throw new RoomlogError('bad_frame', 'meta is for rooms that this connection has joined.', {
      details: { path: 'meta' },
    });
  }
  const member =
    meta === null ? null : { user: principal.user, connection: connection.id, since: services.clock.now(), meta };
  const list = await services.presence.list(room, connection, member);
  connection.answer(id, 'members', connection.encoding.members(id, room, list));
}
