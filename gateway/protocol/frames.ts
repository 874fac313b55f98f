/** The frames of docs/protocol.md as types: what a client sends after validation, and what a gateway answers. */
import type { ErrorCode, RoomlogError } from '../../core/errors.ts';
import type { ConnectionId, GatewayId, Pub, RoomId, SessionId, UserId } from '../../core/ids.ts';
import type { JoinStart } from '../stream.ts';

/** One subscription wish; also an entry of `hello.rooms`. `meta` is JSON text. */
export interface JoinBody {
  readonly id: number;
  readonly room: RoomId;
  readonly start: JoinStart;
  readonly presence: boolean;
  readonly meta: string | null;
}

export interface HelloFrame {
  readonly type: 'hello';
  readonly token: string | null;
  readonly session: SessionId | null;
  readonly batch: boolean;
  /** Not validated yet: each entry is judged, and answered, alone. */
  readonly rooms: readonly unknown[];
}

export interface JoinFrame extends JoinBody {
  readonly type: 'join';
}

export interface LeaveFrame {
  readonly type: 'leave';
  readonly id: number;
  readonly room: RoomId;
}

export interface PublishFrame {
  readonly type: 'publish';
  readonly id: number;
  readonly room: RoomId;
  /** null in a publish without a number, and in an ephemeral one. */
  readonly pub: Pub | null;
  readonly event: string;
  /** null: `data` is one JSON value. */
  readonly contentType: string | null;
  /** The bytes of `data` as the client sent them. A view into the frame: valid only while it is handled. */
  readonly data: Uint8Array;
  readonly ttlMs: number | null;
  readonly ephemeral: boolean;
}

export interface PresenceCommandFrame {
  readonly type: 'presence';
  readonly id: number;
  readonly room: RoomId;
  readonly meta: string | null;
}

export interface PingFrame {
  readonly type: 'ping';
  readonly id: number;
}

/** Frame types of the protocol that this version answers with `error unavailable`. */
export interface UnservedFrame {
  readonly type: 'signal' | 'refresh';
  readonly id: number;
}

export type CommandFrame = JoinFrame | LeaveFrame | PublishFrame | PresenceCommandFrame | PingFrame | UnservedFrame;

export type ClientFrame = HelloFrame | CommandFrame;

export interface WelcomeFrame {
  readonly type: 'welcome';
  readonly connection: ConnectionId;
  readonly gateway: GatewayId;
  readonly user: UserId;
  readonly session: SessionId;
  /** ms since the Unix epoch, as `expires` and `time` are. */
  readonly sessionExpires: number;
  /** ms between pings. */
  readonly heartbeat: number;
  /** bytes */
  readonly maxFrame: number;
  /** When the token ends. */
  readonly expires: number;
  readonly time: number;
}

export interface AckFrame {
  readonly id: number;
  readonly room: RoomId;
  readonly pub: number | null;
  readonly seq: number | null;
  readonly cursor: string | null;
  readonly duplicate: boolean;
}

/** Fields that are undefined are not sent. */
export interface ErrorFrame {
  readonly type: 'error';
  readonly id: number | undefined;
  readonly room: RoomId | undefined;
  readonly code: ErrorCode;
  readonly message: string;
  /** ms */
  readonly retryAfter: number | undefined;
  readonly expected: number | undefined;
  readonly path: string | undefined;
}

/** What a client is told to wait where nothing better is known. */
const DEFAULT_RETRY_AFTER_MS = 1_000;

/** Only these of an error's details ever reach a client. */
export function errorFrame({ code, message, details }: RoomlogError, id?: number, room?: RoomId): ErrorFrame {
  const retryAfter = details.retryAfter ?? (code === 'unavailable' ? DEFAULT_RETRY_AFTER_MS : undefined);
  const { expected, path } = details;
  return { type: 'error', id, room, code, message, retryAfter, expected, path };
}
