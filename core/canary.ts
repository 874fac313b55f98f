/**
 * The canary: an inbound record that its sequencer sends through each partition that it owns. Its session is from 1970, so it is decided to
 * `session_unknown` like any other of that age: one answer in outbound, no event, no seq, nothing remembered, nobody's room. Gateways watch
 * the answers go by. It names itself in `origin`, which clients can't set:
 *
 *     | "rlcanary": 8 bytes | sent at, ms since the Unix epoch: 48 bits | interval, ms: 32 bits |
 */
import { Buffer } from 'node:buffer';
import type { Partition, Pub, RoomId, SessionId, UserId } from './ids.ts';
import { partitionOf } from './log/partition.ts';
import type { Answer, InboundEvent } from './log/record.ts';

export const CANARY_USER = '@canary' as UserId;
/** A UUIDv7 minted at the Unix epoch: older than any session that counts. */
export const CANARY_SESSION = '00000000-0000-7000-8000-000000000000' as SessionId;
const TAG = Buffer.from('rlcanary', 'latin1');
const SENT_AT_BYTES = 6;
const ORIGIN_BYTES = TAG.length + SENT_AT_BYTES + 4;
const DATA = Buffer.from('null');

export interface Canary {
  /** By the sender's clock, ms since the Unix epoch. */
  readonly sentAtMs: number;
  /** How often its sender sends one. */
  readonly intervalMs: number;
}

/** For each partition a reserved room that lies in it. */
export function canaryRooms(partitions: number): RoomId[] {
  const rooms: RoomId[] = [];
  for (let number = 0, found = 0; found < partitions; number++) {
    const room = `@canary/${number}` as RoomId;
    const partition: Partition = partitionOf(room, partitions);
    if (rooms[partition] !== undefined) continue;
    rooms[partition] = room;
    found++;
  }
  return rooms;
}

export function canaryEvent(room: RoomId, { sentAtMs, intervalMs }: Canary): InboundEvent {
  const origin = Buffer.alloc(ORIGIN_BYTES);
  TAG.copy(origin);
  origin.writeUIntBE(sentAtMs, TAG.length, SENT_AT_BYTES);
  origin.writeUInt32BE(intervalMs, TAG.length + SENT_AT_BYTES);
  return {
    room,
    user: CANARY_USER,
    session: CANARY_SESSION,
    pub: 1 as Pub,
    key: null,
    origin,
    event: 'canary',
    contentType: null,
    data: DATA,
    expiresAt: null,
    traceparent: null,
  };
}

/** What an accepted answer tells if it is a canary's; else null. */
export function canaryOf({ user, session, origin }: Answer): Canary | null {
  if (user !== CANARY_USER || session !== CANARY_SESSION || origin?.byteLength !== ORIGIN_BYTES) return null;
  const bytes = Buffer.from(origin.buffer, origin.byteOffset, origin.byteLength);
  if (TAG.compare(bytes, 0, TAG.length) !== 0) return null;
  return {
    sentAtMs: bytes.readUIntBE(TAG.length, SENT_AT_BYTES),
    intervalMs: bytes.readUInt32BE(TAG.length + SENT_AT_BYTES),
  };
}
