/** Server frames as JSON text, field by field as in docs/protocol.md. The frames inside a subscription are in event-frame.ts. */
import type { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { Member, MemberList, PresenceDiff } from '../../core/ports/presence-store.ts';
import type { AckFrame, ErrorFrame, WelcomeFrame } from './frames.ts';

/** What a client is told to wait where nothing better is known. */
const DEFAULT_RETRY_AFTER_MS = 1_000;

export const welcomeText = (frame: WelcomeFrame): string => JSON.stringify(frame);

/** Built by hand: it is sent as often as clients publish. */
export function ackText(frame: AckFrame): string {
  let text = `{"type":"ack","id":${frame.id},"room":${JSON.stringify(frame.room)}`;
  if (frame.pub !== null) text += `,"pub":${frame.pub}`;
  if (frame.seq !== null) text += `,"seq":${frame.seq}`;
  if (frame.cursor !== null) text += `,"cursor":"${frame.cursor}"`;
  return frame.duplicate ? `${text},"duplicate":true}` : `${text}}`;
}

/** Only these of an error's details ever reach a client. */
export function errorText({ code, message, details }: RoomlogError, id?: number, room?: RoomId): string {
  const retryAfter = details.retryAfter ?? (code === 'unavailable' ? DEFAULT_RETRY_AFTER_MS : undefined);
  const { expected, path } = details;
  const frame: ErrorFrame = { type: 'error', id, room, code, message, retryAfter, expected, path };
  return JSON.stringify(frame);
}

export const leftText = (id: number, room: RoomId): string => JSON.stringify({ type: 'left', id, room });

export const pongText = (id: number): string => `{"type":"pong","id":${id}}`;

/** @param delay ms after which the client should come back */
export const reconnectText = (delay: number, reason: string): string =>
  JSON.stringify({ type: 'reconnect', delay, reason });

export const membersText = (id: number, room: RoomId, list: MemberList): string =>
  JSON.stringify({
    type: 'members',
    id,
    room,
    version: list.version,
    members: list.members.map(memberBody),
    count: list.count,
  });

export const presenceText = (diff: PresenceDiff): string =>
  JSON.stringify({
    type: 'presence',
    room: diff.room,
    version: diff.version,
    joined: diff.joined.map(memberBody),
    left: diff.left.map(memberBody),
  });

/** The `members` of a `joined` frame: a JSON array. */
export const memberArrayText = (members: readonly Member[]): string => JSON.stringify(members.map(memberBody));

/** Parsed and written again, so that nothing in Redis can break a frame open. */
function memberBody({ user, connection, since, meta }: Member): object {
  return meta === null ? { user, connection, since } : { user, connection, since, meta: parseMeta(meta) };
}

function parseMeta(meta: string): unknown {
  try {
    return JSON.parse(meta);
  } catch {
    return null;
  }
}

/** An event that is not in the log: no `seq`, no `cursor`. `data` is spliced in like that of a stored one. */
export function ephemeralFrame(
  room: RoomId,
  event: { readonly user: string; readonly session: string; readonly event: string; readonly data: Uint8Array },
  timeMs: number,
): Buffer {
  const head = `{"type":"event","room":${JSON.stringify(room)},"time":${timeMs},"user":${JSON.stringify(event.user)},"session":"${event.session}","event":${JSON.stringify(event.event)},"data":`;
  return Buffer.concat([Buffer.from(head), event.data, Buffer.from('}')]);
}
