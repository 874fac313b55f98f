/**
 * Session ids: UUIDv7 (RFC 9562, section 5.7), whose first 48 bits are the time at which they were minted, so that a
 * session's age can be told from its name alone.
 *
 *     tttttttt-tttt-7rrr-[89ab]rrr-rrrrrrrrrrrr        t: ms since the Unix epoch, r: random
 */
import { Buffer } from 'node:buffer';
import type { SessionId } from '../ids.ts';

export function mintSession(nowMs: number, random: (bytes: number) => Uint8Array): SessionId {
  const bytes = Buffer.alloc(16);
  bytes.set(random(10), 6);
  bytes.writeUIntBE(nowMs, 0, 6);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x70, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const text = bytes.toString('hex');
  return `${text.slice(0, 8)}-${text.slice(8, 12)}-${text.slice(12, 16)}-${text.slice(16, 20)}-${text.slice(20)}` as SessionId;
}

const LENGTH = 36;
const HYPHEN = 0x2d;
/** By UTF-16 code unit: the value of a lower-case hex digit, 255 for all else. */
const HEX_VALUE = new Uint8Array(128).fill(255);
for (const [value, digit] of [...'0123456789abcdef'].entries()) HEX_VALUE[digit.charCodeAt(0)] = value;

const isHyphenPlace = (at: number): boolean => at === 8 || at === 13 || at === 18 || at === 23;

/**
 * ms since the Unix epoch at which the session was minted; null where it is no canonical UUIDv7. Lower case only: two
 * spellings of one session would be two sessions. By hand, for it is asked for every publish: a third of what a regular expression takes.
 */
export function sessionTime(session: string): number | null {
  if (session.length !== LENGTH || session[14] !== '7') return null;
  const variant = session[19];
  if (variant !== '8' && variant !== '9' && variant !== 'a' && variant !== 'b') return null;
  let time = 0;
  for (let at = 0; at < LENGTH; at++) {
    const unit = session.charCodeAt(at);
    if (isHyphenPlace(at)) {
      if (unit !== HYPHEN) return null;
      continue;
    }
    const value = unit < 128 ? (HEX_VALUE[unit] as number) : 255;
    if (value === 255) return null;
    if (at < 13) time = time * 16 + value;
  }
  return time;
}
