/** What a client is given, and what it tells about itself. */
import type { BackoffOptions } from './backoff.ts';
import type { WebSocketConstructor } from './connection.ts';
import type { RoomlogClientError } from './errors.ts';
import type { Encoding } from './wire.ts';

export interface ClientOptions {
  /** A gateway's whole URL: `wss://host/v1/ws`. */
  readonly url: string;
  /** A JWT, or what fetches one; asked again when the gateway says that the last one is no longer good. */
  readonly token: string | (() => string | Promise<string>);
  /** Default: the global `WebSocket`. */
  readonly webSocket?: WebSocketConstructor;
  /** How frames are written: `avro` is smaller, and carries data of any `contentType`. Default: `json`. */
  readonly encoding?: Encoding;
  readonly backoff?: BackoffOptions;
  /** Let the gateway put several events into one frame. Default: true. */
  readonly batch?: boolean;
  /** From opening a connection to its welcome, ms. Default: 10,000. */
  readonly connectTimeoutMs?: number;
  /** From a ping to any sign of life, ms. Default: 5,000. */
  readonly pongTimeoutMs?: number;
  /** A connection that has lasted so long resets the back-off, ms. Default: 5,000. */
  readonly stableAfterMs?: number;
  /** Publishes that wait for a number, over all rooms. Default: 1,000. */
  readonly maxQueuedPublishes?: number;
  /** Rooms published to in one session. Default: 10,000. */
  readonly maxRoomsPerSession?: number;
  /** Rooms joined at once. Default: 1,000. */
  readonly maxRooms?: number;
  /** Events kept for a room that is iterated. Default: 1,000. */
  readonly maxBufferedEvents?: number;
}

export type ClientState =
  | { readonly state: 'connecting'; readonly attempt: number }
  | { readonly state: 'open'; readonly gateway: string; readonly user: string; readonly session: string }
  | { readonly state: 'waiting'; readonly waitMs: number; readonly closeCode: number; readonly reason: string }
  /** For good. `error` is null after `close()` or a normal end by the gateway. */
  | { readonly state: 'closed'; readonly error: RoomlogClientError | null };

export type ClientEvents = {
  /** Every change of the connection's state. */
  state: ClientState;
  /** What went wrong without ending anything: a hole, a token that could not be had, an error frame without a request. */
  error: RoomlogClientError;
};
