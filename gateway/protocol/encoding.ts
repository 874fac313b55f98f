/**
 * A subprotocol: how frames are read from a connection, and written to it. One object per encoding, shared by all connections that
 * speak it; what flows inside subscriptions is written by its `EventEncoding` part.
 */
import type { Buffer } from 'node:buffer';
import type { RoomlogError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { Member, MemberList, PresenceDiff } from '../../core/ports/presence-store.ts';
import type { EventEncoding, Subscription } from '../stream.ts';
import type { AckFrame, ClientFrame, WelcomeFrame } from './frames.ts';
import type { FrameLimits } from './validate.ts';

/** One frame, without WebSocket framing. */
export type Payload = Buffer | string;

export interface Encoding extends EventEncoding {
  readonly subprotocol: string;
  /** Throws `bad_frame` (with `details.id` where it could be read, and `details.path`) or `invalid_room`. */
  parse(bytes: Buffer, limits: FrameLimits): ClientFrame;
  /** The `id` of a frame that is not going to be parsed; undefined where none can be told. The frame need not be valid. */
  peekId(bytes: Buffer): number | undefined;
  welcome(frame: WelcomeFrame): Payload;
  /** @param members null where none were asked for or could be had */
  joined(
    id: number,
    room: RoomId,
    head: Pick<Subscription, 'seq' | 'cursor' | 'recovered'>,
    members: readonly Member[] | null,
  ): Payload;
  left(id: number, room: RoomId): Payload;
  ack(frame: AckFrame): Payload;
  /** Of an error's details only the protocol's ever reach a client. */
  error(error: RoomlogError, id?: number, room?: RoomId): Payload;
  members(id: number, room: RoomId, list: MemberList): Payload;
  presence(diff: PresenceDiff): Payload;
  pong(id: number): Payload;
  /** @param delay ms after which the client should come back */
  reconnect(delay: number, reason: string): Payload;
}
