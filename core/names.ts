/** What may be a name: of a room, a user, an event, an idempotency key, a topic. The one place where lengths are checked. */
import { Buffer } from 'node:buffer';
import { RoomlogError } from './errors.ts';
import type { RoomId, UserId } from './ids.ts';

export const MAX_ROOM_BYTES = 200;
export const MAX_USER_BYTES = 200;
export const MAX_EVENT_NAME_BYTES = 200;
export const MAX_KEY_BYTES = 200;
export const MAX_CONTENT_TYPE_BYTES = 200;
/** Visible ASCII: a media type goes into frames and headers. */
const CONTENT_TYPE = /^[\x21-\x7e][\x20-\x7e]*$/;

/** C0, DEL and C1: what terminals, logs and headers could be tricked with. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

const SPACE = 0x20;
const DELETE = 0x7f;

/** 1 to `maxBytes` bytes of UTF-8 (no lone surrogates) without control characters. */
function isName(value: unknown, maxBytes: number): value is string {
  if (typeof value !== 'string' || value.length === 0 || value.length > maxBytes) return false;
  let at = 0;
  while (at < value.length && isVisible(value.charCodeAt(at))) at++;
  // Most names end here: a sequencer asks three times for every event.
  if (at === value.length) return true;
  return Buffer.byteLength(value) <= maxBytes && !CONTROL.test(value) && value.isWellFormed();
}

const isVisible = (unit: number): boolean => unit >= SPACE && unit < DELETE;

/** Throws `invalid_room`. */
export function checkRoom(value: unknown): RoomId {
  if (!isName(value, MAX_ROOM_BYTES)) throw new RoomlogError('invalid_room');
  return value as RoomId;
}

/** Throws `bad_frame` with path `user`. */
export function checkUser(value: unknown): UserId {
  if (!isName(value, MAX_USER_BYTES)) throw badName('user', MAX_USER_BYTES);
  return value as UserId;
}

/** Throws `bad_frame` with path `event`. */
export function checkEventName(value: unknown): string {
  if (!isName(value, MAX_EVENT_NAME_BYTES)) throw badName('event', MAX_EVENT_NAME_BYTES);
  return value;
}

/** An idempotency key. Throws `bad_frame` with path `key`. */
export function checkKey(value: unknown): string {
  if (!isName(value, MAX_KEY_BYTES)) throw badName('key', MAX_KEY_BYTES);
  return value;
}

/** Whether it may be an idempotency key. */
export const isKey = (value: unknown): value is string => isName(value, MAX_KEY_BYTES);

/** Whether it may be an event's media type. */
export const isContentType = (value: string): boolean =>
  value.length <= MAX_CONTENT_TYPE_BYTES && CONTENT_TYPE.test(value);

function badName(path: string, maxBytes: number): RoomlogError {
  return new RoomlogError('bad_frame', `${path} has 1 to ${maxBytes} bytes of UTF-8 and no control characters.`, {
    details: { path },
  });
}

export interface Topics {
  readonly inbound: string;
  readonly outbound: string;
  readonly snapshots: string;
  readonly deadletter: string;
}

/** The topics of a stream, by its prefix. */
export function topicsOf(prefix: string): Topics {
  return {
    inbound: `${prefix}.inbound`,
    outbound: `${prefix}.outbound`,
    snapshots: `${prefix}.snapshots`,
    deadletter: `${prefix}.deadletter`,
  };
}
