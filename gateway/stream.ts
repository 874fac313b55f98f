/**
 * The seam between the two halves of a gateway. The **edge** (`server`, `connection`, `protocol`, `auth`, `publish`) knows sockets,
 * tokens and frames; the **stream** (`tail`, `rooms`, `fanout`, `history`) knows the log. Neither imports the other: both
 * know this file, and `main.ts` joins them.
 */

import type { Offset, Partition, RoomId, Seq } from '../core/ids.ts';
import type { Answer, SequencedEvent } from '../core/log/record.ts';

/** An accepted event as the tail saw it. `cursor` is what travels to clients. */
export interface StoredEvent extends SequencedEvent {
  readonly partition: Partition;
  readonly offset: Offset;
  readonly cursor: string;
}

/** Where a joining client wants to start. */
export type JoinStart =
  | { readonly kind: 'live' }
  | { readonly kind: 'after'; readonly cursor: string }
  | { readonly kind: 'start' }
  | { readonly kind: 'last'; readonly count: number }
  | { readonly kind: 'since'; readonly timeMs: number };

/** Why events can't be had: deleted by retention, past their `ttl`, or a reader too slow to be kept. */
export type GapReason = 'retention' | 'expired' | 'slow';

/** An event that is not in the log: no `seq`, no `cursor`. */
export type EphemeralEvent = Pick<StoredEvent, 'room' | 'user' | 'event' | 'contentType' | 'data'> & {
  readonly session: string;
  /** ms since the Unix epoch. */
  readonly time: number;
};

/**
 * How what flows inside a subscription is written: one object per encoding, the same for all members that speak it, so that
 * whatever is built for one of them serves the others. Each frame is one whole message, without WebSocket framing.
 */
export interface EventEncoding {
  /** Of its WebSocket messages (RFC 6455, section 5.2): text or binary. */
  readonly opcode: 1 | 2;
  event(event: StoredEvent): Buffer;
  /** Joins `event` frames of this encoding into one `batch` frame, for those whose `hello.batch` was true. */
  batch(events: readonly Buffer[]): Buffer;
  ephemeral(event: EphemeralEvent): Buffer;
  /** Room seqs `from` to `to`, both included, can't be had; `cursor` is the position after them. */
  gap(room: RoomId, from: Seq, to: Seq, cursor: string, reason: GapReason): Buffer;
  /** The backlog has been delivered; once per subscription. */
  live(room: RoomId, seq: Seq, cursor: string): Buffer;
}

/** When what is queued for a socket is written: `tick`, when what runs now is done; `turn`, behind all that sockets brought in this turn of the event loop. */
export type WriteTime = 'tick' | 'turn';

/**
 * One room member's way out, implemented by the edge (a WebSocket connection; later SSE). A connection has one sink for all
 * of its rooms, so identity (`===`) tells whether two rooms share a socket.
 */
export interface Sink {
  readonly encoding: EventEncoding;
  /** Queues one frame of `encoding`, without WebSocket framing. */
  sendFrame(frame: Buffer, when?: WriteTime): void;
  /**
   * Queues whole, already framed WebSocket messages (server side: unmasked), shared between many sinks, which must not be written
   * to. All that one turn of the event loop queues becomes one socket write, by default at the end of this tick.
   */
  sendFramed(frames: Buffer, when?: WriteTime): void;
  /** Hands what is queued to the kernel now. */
  writeOut(): void;
  /** Bytes accepted but not yet taken by the kernel. */
  bufferedBytes(): number;
  /** Bytes that the kernel has taken so far of all that was accepted. */
  takenBytes(): number;
  /** Resolves when `bufferedBytes()` has sunk below `bytes`, or the sink is closed. */
  drained(bytes: number): Promise<void>;
  readonly closed: boolean;
  /** Whether `hello.batch` was true. */
  readonly batch: boolean;
  /** How messages to it may be compressed (the same object for all who can); null where it takes none that are. */
  readonly deflate: SharedDeflate | null;
  /** Closes the socket with a code of docs/protocol.md. */
  close(code: number, reason: string): void;
}

/** Compresses a message once for all who get it. */
export interface SharedDeflate {
  /** The payload of a frame with RSV1 set; null where the message is better left as it is. */
  deflate(payload: Buffer): Buffer | null;
}

/** The answer to a join, before any event flows. */
export interface Subscription {
  /** The room's head at the moment of joining: the fields of `joined`. */
  readonly seq: Seq;
  readonly cursor: string;
  /** `after` was given and no gap is needed. */
  readonly recovered: boolean;
  /** Lets the events flow: gap if any, backlog, `live`, then live events. To be called once, after `joined` was sent. */
  begin(): void;
  /** Ends it; no frame of this room is sent after it returns. Idempotent. */
  cancel(): void;
}

/** What the log says about a publish of this gateway: exactly one of the two. Called in outbound order. */
export interface PublishOutcomes {
  onEvent(event: StoredEvent): void;
  onAnswer(answer: Answer & { readonly cursor: string | null }): void;
}

/** Implemented by the stream half; `createRoomStream` in `gateway/tail/room-stream.ts`. */
export interface RoomStream {
  /** Resolves when every partition has been folded to the end it had at the call. Rejects with `fold_halted`, `partition_mismatch`, … */
  start(): Promise<void>;
  /** False before `start` resolved and while a partition is behind by more than its limit or has halted. */
  readonly ready: boolean;
  /** Why it is not ready, for `/health`; null when it is. */
  readonly notReadyReason: string | null;
  /** 'unavailable' while this room's partition has halted or has not moved though its end did. */
  partitionAvailable(room: RoomId): boolean;
  /** Rejects with RoomlogError `cursor_invalid` or `unavailable`. */
  subscribe(room: RoomId, start: JoinStart, sink: Sink): Promise<Subscription>;
  /** Delivers what is not in the log to the live members of a room. `frame` is called once for each encoding among them. */
  broadcast(room: RoomId, frame: (encoding: EventEncoding) => Buffer, except?: Sink): void;
  /** Number of members of the room on this gateway. */
  memberCount(room: RoomId): number;
  /** Figures for health and metrics. */
  stats(): {
    readonly rooms: number;
    readonly members: number;
    readonly foldedRecords: number;
    readonly staleRecords: number;
    readonly lagRecords: number;
    /** Partitions in which nothing is sequenced; publishes to them are refused. */
    readonly failingPartitions: readonly Partition[];
  };
  stop(): Promise<void>;
}
