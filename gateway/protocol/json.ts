/** `roomlog.v1.json`: each frame a JSON object, field by field as in docs/protocol.md. The frames inside a subscription are in event-frame.ts. */

import type { RoomId } from '../../core/ids.ts';
import type { Member, MemberList, PresenceDiff } from '../../core/ports/presence-store.ts';
import type { StoredEvent, Subscription } from '../stream.ts';
import type { Encoding } from './encoding.ts';
import { batchFrame, ephemeralFrame, eventFrame, gapFrame, liveFrame } from './event-frame.ts';
import { type AckFrame, errorFrame } from './frames.ts';
import { parseMeta } from './meta.ts';
import { parseFrame, peekId } from './parse.ts';

/** Without any event that is bound to a schema. */
export const jsonEncoding: Encoding = {
  subprotocol: 'roomlog.v1.json',
  opcode: 1,
  parse: parseFrame,
  peekId,
  welcome: (frame) => JSON.stringify(frame),
  joined,
  left: (id, room) => JSON.stringify({ type: 'left', id, room }),
  ack,
  error: (thrown, id, room) => JSON.stringify(errorFrame(thrown, id, room)),
  members,
  presence,
  pong: (id) => `{"type":"pong","id":${id}}`,
  reconnect: (delay, reason) => JSON.stringify({ type: 'reconnect', delay, reason }),
  event: (event) => eventFrame(event),
  batch: batchFrame,
  ephemeral: (event) => ephemeralFrame(event),
  gap: gapFrame,
  live: liveFrame,
};

/** The JSON value that stands for an event's data; null where it is delivered as the log has it. */
export type JsonOf = (event: Pick<StoredEvent, 'event' | 'contentType' | 'data'>) => Buffer | null;

/** @param jsonOf asked of events with a `contentType` only */
export function createJsonEncoding(jsonOf: JsonOf): Encoding {
  return {
    ...jsonEncoding,
    event: (event) => eventFrame(event, event.contentType === null ? null : jsonOf(event)),
    ephemeral: (event) => ephemeralFrame(event, event.contentType === null ? null : jsonOf(event)),
  };
}

function joined(
  id: number,
  room: RoomId,
  head: Pick<Subscription, 'seq' | 'cursor' | 'recovered'>,
  list: readonly Member[] | null,
): string {
  const { seq, cursor, recovered } = head;
  const frame = { type: 'joined', id, room, seq, cursor, recovered };
  return JSON.stringify(list === null ? frame : { ...frame, members: list.map(memberBody) });
}

/** Built by hand: it is sent as often as clients publish. */
function ack(frame: AckFrame): string {
  let text = `{"type":"ack","id":${frame.id},"room":${JSON.stringify(frame.room)}`;
  if (frame.pub !== null) text += `,"pub":${frame.pub}`;
  if (frame.seq !== null) text += `,"seq":${frame.seq}`;
  if (frame.cursor !== null) text += `,"cursor":"${frame.cursor}"`;
  return frame.duplicate ? `${text},"duplicate":true}` : `${text}}`;
}

function members(id: number, room: RoomId, list: MemberList): string {
  return JSON.stringify({
    type: 'members',
    id,
    room,
    version: list.version,
    members: list.members.map(memberBody),
    count: list.count,
  });
}

function presence(diff: PresenceDiff): string {
  return JSON.stringify({
    type: 'presence',
    room: diff.room,
    version: diff.version,
    joined: diff.joined.map(memberBody),
    left: diff.left.map(memberBody),
  });
}

function memberBody({ user, connection, since, meta }: Member): object {
  return meta === null ? { user, connection, since } : { user, connection, since, meta: parseMeta(meta) };
}
