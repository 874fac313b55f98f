/** Roomlog's client for browsers and Node ≥ 22. See docs/client.md. */
export type { BackoffOptions } from './backoff.ts';
export { connect, RoomlogClient } from './client.ts';
export type { WebSocketConstructor, WebSocketLike } from './connection.ts';
export { type ClientErrorCode, type ClientErrorDetails, RoomlogClientError } from './errors.ts';
export type { EphemeralEvent, Gap, Live, Member, RoomEvent } from './frames.ts';
export type { ClientEvents, ClientOptions, ClientState } from './options.ts';
export { MAX_UNANSWERED, type Published } from './outbox.ts';
export type { Presence } from './presence.ts';
export type { PublishOptions } from './publisher.ts';
export type { JoinOptions, Room, RoomMessage } from './room.ts';
export type { Encoding } from './wire.ts';
