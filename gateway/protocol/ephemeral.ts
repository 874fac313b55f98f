/**
 * Ephemeral events on their way between gateways: as JSON event frames, whatever their publisher speaks, from which each gateway builds what
 * its members take.
 */
import { Buffer, isUtf8 } from 'node:buffer';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { EphemeralEvent } from '../stream.ts';
import { ephemeralFrame } from './event-frame.ts';
import { rawMember } from './raw-member.ts';

export const packEphemeral = (event: EphemeralEvent): Buffer => ephemeralFrame(event);

/** null for what is no event of this room: anyone who reaches Redis can put it there. */
export function unpackEphemeral(room: RoomId, packed: Buffer): EphemeralEvent | null {
  // Its bytes go into text frames as they are, and one that is not UTF-8 ends a client's connection.
  if (!isUtf8(packed)) return null;
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(packed.toString());
  } catch {
    return null;
  }
  if (typeof fields !== 'object' || fields === null || fields.room !== room) return null;
  const { user, session, event, time, contentType = null, data } = fields;
  if (typeof user !== 'string' || typeof session !== 'string' || typeof event !== 'string') return null;
  if (!Number.isSafeInteger(time)) return null;
  const known = { room, user: user as UserId, session, event, time: time as number };
  if (contentType === null) {
    const json = rawMember(packed, 'data');
    return json === null ? null : { ...known, contentType, data: json };
  }
  if (typeof contentType !== 'string' || typeof data !== 'string') return null;
  return { ...known, contentType, data: Buffer.from(data, 'base64') };
}
