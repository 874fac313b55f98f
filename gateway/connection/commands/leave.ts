/** `leave`: nothing of the room is sent after `left`. Leaving a room that was not joined succeeds too. */
import type { LeaveFrame } from '../../protocol/frames.ts';
import type { Client } from '../client.ts';

export function leaveRoom(connection: Client, { id, room }: LeaveFrame): void {
  connection.memberships.leave(room);
  connection.answer(id, 'left', connection.encoding.left(id, room));
}
