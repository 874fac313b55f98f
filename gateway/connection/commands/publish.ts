/** `publish`: permission, the connection's own limits, then the log (durable) or the bus (ephemeral). */
import type { PublishFrame } from '../../protocol/frames.ts';
import type { Client } from '../client.ts';

export function publish(connection: Client, frame: PublishFrame): void {
  const { principal, publishes } = connection;
  try {
    principal.permissions.require('publish', frame.room);
    if (frame.ephemeral) void publishEphemeral(connection, frame);
    else publishes.submit(frame);
  } catch (thrown) {
    connection.fail(frame.id, thrown, frame.room);
  }
}

async function publishEphemeral(connection: Client, frame: PublishFrame): Promise<void> {
  const { services, principal, session } = connection;
  const { id, room, event, contentType, data } = frame;
  try {
    const time = services.clock.now();
    await services.ephemeral.publish({ room, user: principal.user, session, event, contentType, data, time });
    connection.answer(
      id,
      'ack',
      connection.encoding.ack({ id, room, pub: null, seq: null, cursor: null, duplicate: false }),
    );
  } catch (thrown) {
    connection.fail(id, thrown, room);
  }
}
