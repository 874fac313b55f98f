/** What is published: whether it can be, and how large it is. */
import { RoomlogClientError } from './errors.ts';

/** The field, where there is one. */
export const typed = (contentType: string | undefined) => (contentType === undefined ? {} : { contentType });

/** JSON text, or a copy of bytes that have a content type; undefined for what is neither. */
export function contentOf(data: unknown, contentType: string | undefined): string | Uint8Array | undefined {
  if (contentType === undefined) return JSON.stringify(data);
  return data instanceof Uint8Array ? data.slice() : undefined;
}

const encoder = new TextEncoder();
/** Whether it has at most so many bytes of UTF-8; counted only where it could have more. */
export function fits(frame: string | Uint8Array, limitBytes: number): boolean {
  if (typeof frame !== 'string') return frame.length <= limitBytes;
  return frame.length * 3 <= limitBytes || encoder.encode(frame).length <= limitBytes;
}

export function tooLarge(room: string, limitBytes: number): RoomlogClientError {
  const message = `The frame would be larger than the ${limitBytes} bytes that this gateway takes.`;
  return new RoomlogClientError('too_large', message, { room, outcome: 'not_published' });
}

export function badData(room: string): RoomlogClientError {
  return new RoomlogClientError('bad_frame', 'data is not a JSON value, nor a Uint8Array of a contentType.', {
    room,
    outcome: 'not_published',
  });
}
