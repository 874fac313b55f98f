/** `join`: permission, a place, its turn, a subscription; then `joined`, and only then the events. */
import { RoomlogError } from '../../../core/errors.ts';
import type { MemberList } from '../../../core/ports/presence-store.ts';
import type { JoinBody } from '../../protocol/frames.ts';
import type { Client } from '../client.ts';

/**
 * A join of a room that is joined already ends the former subscription, also where the new one then fails; one that may not
 * be tried at all (`forbidden`) changes nothing. Throws what the client is to be told.
 */
export async function joinRoom(connection: Client, body: JoinBody): Promise<void> {
  const { services, memberships, principal, sink } = connection;
  const { id, room } = body;
  principal.permissions.require('join', room);
  if (!memberships.has(room) && memberships.size >= services.limits.maxRoomsPerConnection) {
    throw new RoomlogError('too_many_rooms');
  }
  memberships.leave(room);
  memberships.reserve(room);
  services.ephemeral.enter(room);
  try {
    await services.pace.join(() => memberships.has(room));
    if (!memberships.has(room)) return;
    const subscription = await services.stream.subscribe(room, body.start, sink);
    if (!memberships.settle(room, subscription)) return;
    const list = body.presence ? await enterPresence(connection, body) : null;
    if (!memberships.has(room)) return;
    connection.answer(id, 'joined', connection.encoding.joined(id, room, subscription, list?.members ?? null));
    subscription.begin();
    if (body.presence) services.presence.release(room, connection.id, list?.version ?? null);
  } catch (thrown) {
    memberships.leave(room);
    throw thrown;
  }
}

function enterPresence(connection: Client, { room, meta }: JoinBody): Promise<MemberList | null> {
  const { services, principal, id } = connection;
  const since = services.clock.now();
  return services.presence.enter(room, connection, { user: principal.user, connection: id, since, meta });
}
