/** Hands a command to its handler, and makes sure that its id gets one answer whatever happens. */
import { RoomlogError } from '../../../core/errors.ts';
import type { RoomId } from '../../../core/ids.ts';
import type { CommandFrame } from '../../protocol/frames.ts';
import type { Client } from '../client.ts';
import { joinRoom } from './join.ts';
import { leaveRoom } from './leave.ts';
import { showPresence } from './presence.ts';
import { publish } from './publish.ts';

export function handleCommand(connection: Client, frame: CommandFrame): void {
  try {
    connection.begin(frame.id);
  } catch (thrown) {
    connection.sendError(thrown, frame.id, roomOf(frame));
    return;
  }
  switch (frame.type) {
    case 'publish':
      publish(connection, frame);
      return;
    case 'join':
      inRoomOrder(connection, frame, () => joinRoom(connection, frame));
      return;
    case 'leave':
      inRoomOrder(connection, frame, async () => leaveRoom(connection, frame));
      return;
    case 'presence':
      inRoomOrder(connection, frame, () => showPresence(connection, frame));
      return;
    case 'ping':
      connection.answer(frame.id, 'pong', connection.encoding.pong(frame.id));
      return;
    default:
      connection.fail(frame.id, new RoomlogError('unavailable', `${frame.type} is not served by this version.`));
  }
}

function inRoomOrder(
  connection: Client,
  { id, room }: { readonly id: number; readonly room: RoomId },
  handle: () => Promise<void>,
): void {
  connection.memberships.inOrder(room, async () => {
    if (connection.state === 'closing') return;
    try {
      await handle();
    } catch (thrown) {
      connection.fail(id, thrown, room);
    }
  });
}

const roomOf = (frame: CommandFrame): RoomId | undefined => ('room' in frame ? frame.room : undefined);
