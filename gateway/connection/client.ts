/** A connection as commands see it: who it is, what it holds, and how to answer it. */
import type { ConnectionId, RoomId, SessionId } from '../../core/ids.ts';
import type { Principal } from '../auth/token.ts';
import type { PresenceAudience } from '../presence/presence-rooms.ts';
import type { Encoding, Payload } from '../protocol/encoding.ts';
import type { SentType } from '../server/edge-metrics.ts';
import type { Memberships } from './memberships.ts';
import type { Services } from './services.ts';
import type { SocketSink } from './socket-sink.ts';
import type { PublishOwner, UnansweredPublishes } from './unanswered-publishes.ts';

export type ConnectionState = 'awaiting-hello' | 'verifying' | 'open' | 'closing';

export interface Client extends PublishOwner, PresenceAudience {
  readonly id: ConnectionId;
  readonly services: Services;
  readonly sink: SocketSink;
  /** How its frames are written. */
  readonly encoding: Encoding;
  readonly memberships: Memberships;
  readonly publishes: UnansweredPublishes;
  readonly state: ConnectionState;
  /** The token of the upgrade request; one in `hello` overrules it. */
  readonly upgradeToken: string | null;
  /** Throws `unauthorized` before `open`, as `session` does. */
  readonly principal: Principal;
  readonly session: SessionId;
  /** What comes until `open` is held back. */
  startVerifying(): void;
  /** `welcome` is to be sent at once; frames that came meanwhile are handled when the caller has returned. */
  open(principal: Principal, session: SessionId): void;
  /** Registers an id. Throws `bad_frame` where it is in flight already, `rate_limited`, `draining`. */
  begin(id: number): void;
  /** Sends the one answer to an id. */
  answer(id: number, type: SentType, frame: Payload): void;
  /** Sends the one answer to an id, an error. */
  fail(id: number, thrown: unknown, room?: RoomId): void;
  send(type: SentType, frame: Payload): void;
  /** Sends an error; counts it where its kind ends a connection in the long run. */
  sendError(thrown: unknown, id?: number, room?: RoomId): void;
  /** Ends the connection in order. Idempotent. */
  close(code: number, reason: string): void;
}
