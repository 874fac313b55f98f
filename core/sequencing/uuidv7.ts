/**
 * Session ids: UUIDv7 (RFC 9562, section 5.7), whose first 48 bits are the time at which they were minted, so that a
 * session's age can be told from its name alone.
 *
 *     tttttttt-tttt-7rrr-[89ab]rrr-rrrrrrrrrrrr        t: ms since the Unix epoch, r: random
 */
import { Buffer } from 'node:buffer';
import type { SessionId } from '../ids.ts';

/** The canonical lower-case form only: two spellings of one session would be two sessions. */
const CANONICAL = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export function mintSession(nowMs: number, random: (bytes: number) => Uint8Array): SessionId {
  const bytes = Buffer.alloc(16);
  bytes.set(random(10), 6);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const text = bytes.toString('hex');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}` as SessionId;
}

/** ms since the Unix epoch at which the session was minted; null where it is no canonical UUIDv7. */
export function sessionTime(session: string): number | null {
  if (!CANONICAL.test(session)) return null;
  return Number.parseInt(session.slice(0, 8), 16) * 65_536 + Number.parseInt(session.slice(9, 13), 16);
}
