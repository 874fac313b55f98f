/**
 * What stands in the inbound and outbound topics, as the code sees it. The Avro forms are `schemas/*.avsc`; the codec
 * between the two is `schemas/codec.ts`. Absent optional values are `null`, as Avro has them.
 */
import type { Epoch, Offset, Pub, RoomId, Seq, SessionId, UserId } from '../ids.ts';

/** What a gateway, or any Kafka producer that follows the schema, asks to be sequenced. Key: the room's UTF-8 bytes. */
export interface InboundEvent {
  readonly room: RoomId;
  readonly user: UserId;
  /** With `pub`, the idempotency key of a client's publish. */
  readonly session: SessionId | null;
  readonly pub: Pub | null;
  /** Idempotency key of back-end services, an alternative to session + pub. */
  readonly key: string | null;
  /** 16 bytes: 8 random ones made at each gateway start, then a big-endian counter never reused. Matches the answer. */
  readonly origin: Uint8Array | null;
  /** The event's name. */
  readonly event: string;
  /** null: `data` is exactly one JSON value in UTF-8. Otherwise a media type, and `data` is opaque. */
  readonly contentType: string | null;
  readonly data: Uint8Array;
  /** ms since the Unix epoch; past it (by log time) the event is no longer delivered. */
  readonly expiresAt: number | null;
  readonly traceparent: string | null;
}

/** Opens an epoch. The epoch is the offset at which the claim is read. */
export interface Claim {
  /** 16 random bytes, fresh for every claim. */
  readonly nonce: Uint8Array;
  /** Names the stream; '' when the writer does not know it yet (see ADR 0007). */
  readonly streamId: string;
  readonly foldVersion: number;
  /** P, the same on inbound and outbound for the life of a stream. */
  readonly partitions: number;
  /** How often the writer sends a canary through the partition, ms; 0 or absent: it sends none. The fold does not look at it. */
  readonly canaryIntervalMs?: number;
}

/** A sequenced event. */
export interface SequencedEvent {
  readonly room: RoomId;
  readonly seq: Seq;
  /** Log time, ms since the Unix epoch: the highest inbound timestamp folded so far in this partition. */
  readonly time: number;
  /** Hint: the offset of an earlier event of the room, -1 if none is known. To be checked when read. */
  readonly prev: Offset;
  readonly user: UserId;
  readonly session: SessionId | null;
  readonly pub: Pub | null;
  readonly key: string | null;
  readonly origin: Uint8Array | null;
  readonly event: string;
  readonly contentType: string | null;
  readonly data: Uint8Array;
  readonly expiresAt: number | null;
  readonly traceparent: string | null;
}

/** `duplicate` is a success for the publisher; the others are refusals. */
export type AnswerCode = 'duplicate' | 'out_of_order' | 'session_unknown' | 'session_in_use' | 'poison';

/** What became of an inbound record that takes no room seq. */
export interface Answer {
  /** '' where the record could not be read. */
  readonly room: RoomId;
  readonly user: UserId;
  readonly session: SessionId | null;
  readonly pub: Pub | null;
  readonly key: string | null;
  readonly origin: Uint8Array | null;
  readonly code: AnswerCode;
  /** `duplicate`: the original's seq and outbound offset; null when older than the last 32. */
  readonly seq: Seq | null;
  readonly offset: Offset | null;
  /** `out_of_order`: the pub that the sequencer waits for. */
  readonly expected: Pub | null;
  /** `poison`: the dead letter's reason, for example `bad_avro`, `wrong_partition`, `bad_json`. */
  readonly reason: string | null;
}

/**
 * Inbound records that an operator chose to give up: `from` to `to`, both inclusive; `to` is one below `from` where none is known. Written by
 * a command only, alone in its epoch. The header's `inbound` says behind which offset sequencing goes on: a lower one than before where
 * inbound was recreated (docs/adr/0012).
 */
export interface Skipped {
  readonly from: Offset;
  readonly to: Offset;
  /** `input_lost` or `inbound_replaced`. */
  readonly reason: string;
}

/** The part of every outbound record that every version of the schema can read. */
export interface OutboundHeader {
  /** The epoch that the writer believed in; -1 in a claim. */
  readonly epoch: Epoch;
  /** The offset of the inbound record that this one answers; -1 in a claim, and in a skip to the start of a recreated inbound. */
  readonly inbound: Offset;
  /** The offset of the inbound record answered before it; -1 in a claim or for the first. */
  readonly prevInbound: Offset;
  /** The inbound record's own timestamp, ms since the Unix epoch; 0 in a claim. */
  readonly inboundTime: number;
}

/** As much of an outbound record as a fold looks at that decides nothing. */
export interface OutboundHead extends OutboundHeader {
  readonly claim: Claim | null;
  readonly event: Pick<SequencedEvent, 'room' | 'seq' | 'expiresAt'> | null;
  readonly skipped: Skipped | null;
}

/** One record of the outbound topic: exactly one of the four bodies is set, or none where a newer writer added a kind. */
export interface OutboundRecord extends OutboundHeader {
  readonly claim: Claim | null;
  readonly event: SequencedEvent | null;
  readonly answer: Answer | null;
  readonly skipped: Skipped | null;
}

/** How many of a publisher's accepted publishes are remembered with seq and digest, and may be unanswered at once. */
export const PUBLISHER_WINDOW = 32;
/** The version of the fold's rules; stands in every claim. */
export const FOLD_VERSION = 1;
