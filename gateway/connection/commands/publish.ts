/** `publish`: permission, the schema of the event if it has one, the connection's own limits; then the log (durable) or the bus (ephemeral). */
import type { StoredContent } from '../../binding/bound-events.ts';
import type { PublishFrame } from '../../protocol/frames.ts';
import type { Client } from '../client.ts';

export function publish(connection: Client, frame: PublishFrame): void {
  const { principal, publishes, services } = connection;
  try {
    principal.permissions.require('publish', frame.room);
    const stored = services.bound.stored(frame.event, frame);
    if (frame.ephemeral) void publishEphemeral(connection, frame, stored);
    else publishes.submit(frame, stored);
  } catch (thrown) {
    connection.fail(frame.id, thrown, frame.room);
  }
}

async function publishEphemeral(connection: Client, frame: PublishFrame, stored: StoredContent): Promise<void> {
  const { services, principal, session, encoding } = connection;
  const { id, room, event } = frame;
  const { contentType, data } = stored;
  const time = services.clock.now();
  try {
    await services.ephemeral.publish({ room, user: principal.user, session, event, contentType, data, time });
    connection.answer(id, 'ack', encoding.ack({ id, room, pub: null, seq: null, cursor: null, duplicate: false }));
  } catch (thrown) {
    connection.fail(id, thrown, room);
  }
}
