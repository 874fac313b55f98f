/** `publish`: permission, the connection's own limits, then the log (durable) or the bus (ephemeral). */
import type { PublishFrame } from '../../protocol/frames.ts';
import { ackText, ephemeralFrame } from '../../protocol/json.ts';
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
  const { id, room, event, data } = frame;
  try {
    const bytes = ephemeralFrame(room, { user: principal.user, session, event, data }, services.clock.now());
    await services.ephemeral.publish(room, bytes);
    connection.answer(id, 'ack', ackText({ id, room, pub: null, seq: null, cursor: null, duplicate: false }));
  } catch (thrown) {
    connection.fail(id, thrown, room);
  }
}
