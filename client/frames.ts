/**
 * The frames of protocol version 1 as a client sees them (docs/protocol.md). Only what this SDK sends or reads; unknown fields
 * and unknown types are ignored, so a newer gateway can add to them.
 */

/** One room member. `connection` is unique over all gateways; one user may be there several times. */
export interface Member {
  readonly user: string;
  readonly connection: string;
  /** ms since the Unix epoch. */
  readonly since: number;
  readonly meta?: unknown;
}

/** An event as it was sequenced. `seq` is the room's number: 1, 2, 3, … without holes. */
export interface RoomEvent {
  readonly room: string;
  readonly seq: number;
  /** Where to resume after this event, on any gateway. Opaque. */
  readonly cursor: string;
  /** Log time, ms since the Unix epoch. */
  readonly time: number;
  readonly user: string;
  readonly session?: string;
  readonly pub?: number;
  readonly event: string;
  /** The JSON value. Where `contentType` is present: bytes with `encoding: 'avro'`, else base64 text. */
  readonly data: unknown;
  readonly contentType?: string;
}

/** A signal that is not stored and has no number: typing, pointers. */
export interface EphemeralEvent {
  readonly room: string;
  readonly time: number;
  readonly user: string;
  readonly event: string;
  readonly data: unknown;
}

/** Room numbers that can't be had any more. */
export interface Gap {
  readonly room: string;
  readonly from: number;
  readonly to: number;
  readonly cursor: string;
  /** `retention`, `expired` or `slow`; a newer gateway may know more. */
  readonly reason: string;
}

/** A room's head: the position of someone who has got everything. */
export interface Live {
  readonly room: string;
  readonly seq: number;
  readonly cursor: string;
}

export interface WelcomeFrame {
  readonly type: 'welcome';
  readonly connection: string;
  readonly gateway: string;
  readonly user: string;
  readonly session: string;
  readonly sessionExpires: number;
  readonly heartbeat: number;
  readonly maxFrame: number;
  readonly expires: number;
  readonly time: number;
}

export interface MembersBody {
  readonly version: number;
  readonly members: readonly Member[];
  readonly count: number;
}

export interface JoinedFrame {
  readonly type: 'joined';
  readonly id: number;
  readonly room: string;
  readonly seq: number;
  readonly cursor: string;
  readonly recovered: boolean;
  readonly members?: MembersBody | readonly Member[];
}

export interface AckFrame {
  readonly type: 'ack';
  readonly id: number;
  readonly room?: string;
  readonly pub?: number;
  readonly seq?: number;
  readonly cursor?: string;
  readonly duplicate?: boolean;
}

export interface ErrorFrame {
  readonly type: 'error';
  readonly id?: number;
  readonly room?: string;
  readonly code: string;
  readonly message: string;
  /** ms. */
  readonly retryAfter?: number;
  /** The pub that the sequencer waits for. */
  readonly expected?: number;
  /** The field that was refused. */
  readonly path?: string;
}

export interface PresenceFrame {
  readonly type: 'presence';
  readonly room: string;
  readonly version: number;
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
}

export type ServerFrame =
  | WelcomeFrame
  | JoinedFrame
  | AckFrame
  | ErrorFrame
  | PresenceFrame
  | ({ readonly type: 'event' } & (RoomEvent | EphemeralEvent))
  | { readonly type: 'batch'; readonly events: readonly (RoomEvent | EphemeralEvent)[] }
  | ({ readonly type: 'live' } & Live)
  | ({ readonly type: 'gap' } & Gap)
  | ({ readonly type: 'members'; readonly id: number; readonly room: string } & MembersBody)
  | { readonly type: 'left' | 'refreshed' | 'pong'; readonly id: number }
  | { readonly type: 'reconnect'; readonly delay: number; readonly reason: string };

/** Reads one text frame; null for what is no frame (a gateway never sends that, so the caller reports it). */
export function parseFrame(text: string): ServerFrame | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || typeof (value as { type?: unknown }).type !== 'string')
    return null;
  return value as ServerFrame;
}
