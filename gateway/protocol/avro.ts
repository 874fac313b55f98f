/** `roomlog.v1.avro`: each message one value of the unions in schemas/client-frame.avsc and schemas/server-frame.avsc. */
import type { Buffer } from 'node:buffer';
import type { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { Member, MemberList, PresenceDiff } from '../../core/ports/presence-store.ts';
import { AvroScratch } from '../../schemas/avro-scratch.ts';
import type { Subscription } from '../stream.ts';
import { SERVER_BRANCH } from './avro-branches.ts';
import { batchFrame, ephemeralFrame, eventFrame, gapFrame, liveFrame } from './avro-events.ts';
import { parseFrame, peekId } from './avro-parse.ts';
import type { Encoding } from './encoding.ts';
import { type AckFrame, errorFrame, type WelcomeFrame } from './frames.ts';
import { metaText } from './meta.ts';

const scratch = new AvroScratch();

export const avroEncoding: Encoding = {
  subprotocol: 'roomlog.v1.avro',
  opcode: 2,
  parse: parseFrame,
  peekId,
  welcome,
  joined,
  left: (id, room) => scratch.begin().long(SERVER_BRANCH.left).long(id).string(room).take(),
  ack,
  error,
  members,
  presence,
  pong: (id) => scratch.begin().long(SERVER_BRANCH.pong).long(id).take(),
  reconnect: (delay, reason) => scratch.begin().long(SERVER_BRANCH.reconnect).long(delay).string(reason).take(),
  event: eventFrame,
  batch: batchFrame,
  ephemeral: ephemeralFrame,
  gap: gapFrame,
  live: liveFrame,
};

function welcome(frame: WelcomeFrame): Buffer {
  return scratch
    .begin()
    .long(SERVER_BRANCH.welcome)
    .string(frame.connection)
    .string(frame.gateway)
    .string(frame.user)
    .string(frame.session)
    .long(frame.sessionExpires)
    .long(frame.heartbeat)
    .long(frame.maxFrame)
    .long(frame.expires)
    .long(frame.time)
    .take();
}

function joined(
  id: number,
  room: RoomId,
  head: Pick<Subscription, 'seq' | 'cursor' | 'recovered'>,
  list: readonly Member[] | null,
): Buffer {
  scratch.begin().long(SERVER_BRANCH.joined).long(id).string(room);
  scratch.long(head.seq).string(head.cursor).boolean(head.recovered);
  if (list === null) scratch.long(0);
  else writeMembers(scratch.long(1), list);
  return scratch.take();
}

function ack(frame: AckFrame): Buffer {
  return scratch
    .begin()
    .long(SERVER_BRANCH.ack)
    .long(frame.id)
    .string(frame.room)
    .optionalLong(frame.pub)
    .optionalLong(frame.seq)
    .optionalString(frame.cursor)
    .boolean(frame.duplicate)
    .take();
}

function error(thrown: RoomlogError, id?: number, room?: RoomId): Buffer {
  const frame = errorFrame(thrown, id, room);
  return scratch
    .begin()
    .long(SERVER_BRANCH.error)
    .optionalLong(frame.id)
    .optionalString(frame.room)
    .string(frame.code)
    .string(frame.message)
    .optionalLong(wholeOf(frame.retryAfter))
    .optionalLong(frame.expected)
    .optionalString(frame.path)
    .take();
}

/** Waits are computed, and may have fractions of a millisecond. */
const wholeOf = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : Math.ceil(ms));

function members(id: number, room: RoomId, { version, members: list, count }: MemberList): Buffer {
  scratch.begin().long(SERVER_BRANCH.members).long(id).string(room).long(version);
  return writeMembers(scratch, list).long(count).take();
}

function presence(diff: PresenceDiff): Buffer {
  scratch.begin().long(SERVER_BRANCH.presence).string(diff.room).long(diff.version);
  return writeMembers(writeMembers(scratch, diff.joined), diff.left).take();
}

function writeMembers(into: AvroScratch, list: readonly Member[]): AvroScratch {
  if (list.length > 0) into.long(list.length);
  for (const { user, connection, since, meta } of list) {
    into
      .string(user)
      .string(connection)
      .long(since)
      .optionalString(meta === null ? null : metaText(meta));
  }
  return into.long(0);
}
