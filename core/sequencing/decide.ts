/**
 * What becomes of an inbound record: an event with the room's next seq, or an answer. A function of the log before it
 * (the fold), of what was decided since (the overlay) and of log time; of no clock and no chance. JSON vectors for other
 * languages: schemas/vectors/decide.json.
 */
import { RoomlogError } from '../errors.ts';
import { NO_OFFSET, type Offset, type Pub, type RoomId, type Seq, type SessionId, type UserId } from '../ids.ts';
import type { Digest } from '../log/digest.ts';
import type { PublisherName } from '../log/digest-memo.ts';
import type { Fold } from '../log/fold.ts';
import {
  type Answer,
  type AnswerCode,
  type InboundEvent,
  PUBLISHER_WINDOW,
  type SequencedEvent,
} from '../log/record.ts';
import { isKey } from '../names.ts';
import { Overlay } from './overlay.ts';
import type { Remembered } from './publisher.ts';
import { type KnownPublisher, PublisherNames } from './publisher-names.ts';
import { idempotencyKey, keyCounts, type Publishers, type PublishersLimits } from './publishers.ts';
import { sessionCounts } from './sessions.ts';

export interface DeciderLimits extends PublishersLimits {
  /** See MAX_IN_FLIGHT_DECISIONS. */
  readonly maxInFlight?: number;
}

export type Decision = { readonly event: SequencedEvent } | { readonly answer: Answer };

/** What could be read of a record that can't be sequenced, and why not. */
export interface Poison {
  readonly room?: RoomId;
  readonly user?: UserId;
  readonly session?: SessionId | null;
  readonly pub?: Pub | null;
  readonly key?: string | null;
  readonly origin?: Uint8Array | null;
  /** The dead letter's reason. */
  readonly reason: string;
}

/** A refusal, or the success that was answered before. */
interface Refusal {
  readonly code: AnswerCode;
  readonly original?: Remembered;
  readonly expected?: number;
  readonly reason?: string;
}

/** A publish by what tells it from its repeats. `name` is an `idempotencyKey`. */
type Publish =
  | { readonly kind: 'numbered'; readonly publisher: KnownPublisher; readonly pub: Pub; readonly digest: Digest }
  | { readonly kind: 'keyed'; readonly name: string; readonly digest: Digest }
  | { readonly kind: 'unnumbered'; readonly digest: null };

/** Of a decision that takes no seq; never looked at. */
const NO_SEQ = 0 as Seq;
const UNNUMBERED: Publish = { kind: 'unnumbered', digest: null };
const BAD_EVENT: Refusal = { code: 'poison', reason: 'bad_event' };
const TOO_MANY_ROOMS: Refusal = { code: 'poison', reason: 'too_many_rooms' };
const SESSION_UNKNOWN: Refusal = { code: 'session_unknown' };
const SESSION_IN_USE: Refusal = { code: 'session_in_use' };
const FORGOTTEN_DUPLICATE: Refusal = { code: 'duplicate' };

export class Decider {
  readonly #fold: Fold;
  readonly #publishers: Publishers;
  readonly #limits: DeciderLimits;
  readonly #overlay: Overlay;
  readonly #names = new PublisherNames();

  /** The fold must know publishers; else throws `fold_halted`. */
  constructor(fold: Fold, limits: DeciderLimits) {
    if (fold.publishers === null) throw new RoomlogError('fold_halted', 'Decisions need a fold with publishers.');
    this.#fold = fold;
    this.#publishers = fold.publishers;
    this.#limits = limits;
    this.#overlay = new Overlay(limits.maxInFlight);
  }

  /** The inbound offset decided last, in flight or folded: the next record's `prevInbound`. */
  get lastInbound(): Offset {
    return this.#overlay.lastInbound ?? this.#fold.chain.lastInbound;
  }

  /** Decisions that were not read back yet. */
  get inFlight(): number {
    return this.#overlay.size;
  }

  /**
   * Decides the next inbound record. `inboundTime` is the record's own timestamp, ms. Throws `fold_halted` where
   * `inbound` is not above the one before, or too many are in flight: both are bugs of the caller.
   */
  decide(inbound: Offset, inboundTime: number, event: InboundEvent): Decision {
    const logTime = this.#begin(inbound, inboundTime);
    const asked = this.#publishOf(event);
    const refusal = asked === null ? BAD_EVENT : this.#refusalOf(event, asked, logTime);
    if (asked === null || refusal !== null) return this.#answer(inbound, logTime, event, refusal ?? BAD_EVENT);

    const { room, user, session, pub, key } = event;
    const { digest } = asked;
    const head = this.#fold.heads.get(room);
    const seq = ((this.#overlay.seqOf(room) ?? head?.seq ?? 0) + 1) as Seq;
    this.#overlay.push({
      inbound,
      logTime,
      room,
      seq,
      digest,
      publisher: asked.kind === 'numbered' ? asked.publisher.name : null,
      pub: asked.kind === 'numbered' ? asked.pub : 0,
      key: asked.kind === 'keyed' ? asked.name : null,
    });
    const { origin, contentType, data, expiresAt, traceparent } = event;
    const prev = head?.offset ?? NO_OFFSET;
    const sequenced: SequencedEvent = {
      room,
      seq,
      time: logTime,
      prev,
      user,
      session,
      pub,
      key,
      origin,
      event: event.event,
      contentType,
      data,
      expiresAt,
      traceparent,
    };
    // Of the two it is this one that lives until it is read back anyway.
    if (digest !== null) this.#fold.digests.remember(inbound, sequenced, digest, nameOf(asked));
    return { event: sequenced };
  }

  /** The answer to a record that can't be sequenced. It takes its place in the chain like any other. */
  poison(inbound: Offset, inboundTime: number, what: Poison): { readonly answer: Answer } {
    const logTime = this.#begin(inbound, inboundTime);
    const asked = {
      room: what.room ?? ('' as RoomId),
      user: what.user ?? ('' as UserId),
      session: what.session ?? null,
      pub: what.pub ?? null,
      key: what.key ?? null,
      origin: what.origin ?? null,
    };
    return this.#answer(inbound, logTime, asked, { code: 'poison', reason: what.reason });
  }

  /** Drops what the fold has passed. `decide` does it too; calling it after a read-back frees memory earlier. */
  prune(): void {
    this.#overlay.prune(this.#fold.chain.lastInbound);
    // What is left belongs to decisions that the log never showed.
    if (this.#overlay.size === 0) this.#fold.digests.clear();
  }

  /** Discards what was decided and not read back: after a foreign claim, or before claiming again. */
  reset(): void {
    this.#overlay.reset();
    this.#fold.digests.clear();
  }

  /** Log time as of this record: the highest inbound timestamp up to it. */
  #begin(inbound: Offset, inboundTime: number): number {
    this.prune();
    if (inbound <= this.lastInbound) {
      throw new RoomlogError('fold_halted', `Inbound ${inbound} was decided before: the last was ${this.lastInbound}.`);
    }
    return Math.max(this.#fold.chain.logTime, this.#overlay.logTime, inboundTime);
  }

  /** How the publish wants to be told from its repeats; null where that contradicts itself. */
  #publishOf(event: InboundEvent): Publish | null {
    const { room, user, session, pub, key } = event;
    if ((session === null) !== (pub === null) || (session !== null && key !== null)) return null;
    if (session !== null && pub !== null) {
      if (!Number.isSafeInteger(pub) || pub < 1) return null;
      const digest = this.#fold.digests.digestOf(event.event, event.data);
      return { kind: 'numbered', publisher: this.#names.of(room, user, session), pub, digest };
    }
    if (key === null) return UNNUMBERED;
    if (!isKey(key)) return null;
    const digest = this.#fold.digests.digestOf(event.event, event.data);
    return { kind: 'keyed', name: idempotencyKey(room, user, key), digest };
  }

  #refusalOf(event: InboundEvent, publish: Publish, logTime: number): Refusal | null {
    const refusal =
      publish.kind === 'numbered'
        ? this.#refusalOfNumber(publish, logTime)
        : publish.kind === 'keyed'
          ? this.#refusalOfKey(publish, logTime)
          : null;
    if (refusal !== null) return refusal;
    return this.#hasPlaceFor(event.room) ? null : TOO_MANY_ROOMS;
  }

  #refusalOfNumber({ publisher, pub, digest }: Publish & { kind: 'numbered' }, logTime: number): Refusal | null {
    const { name, mintedAt } = publisher;
    if (!sessionCounts(mintedAt, logTime, this.#limits.sessionMaxAgeMs)) return SESSION_UNKNOWN;
    // Its numbers may be forgotten already, under a shorter age than today's.
    if (mintedAt < this.#publishers.forgottenBefore) return SESSION_UNKNOWN;
    const folded = this.#publishers.findNamed(name, mintedAt);
    const last = this.#overlay.lastPub(name) ?? folded?.last ?? 0;
    if (pub === last + 1) return null;
    if (last === 0) return SESSION_UNKNOWN;
    if (pub > last) return { code: 'out_of_order', expected: last + 1 };
    if (pub <= last - PUBLISHER_WINDOW) return FORGOTTEN_DUPLICATE;
    const original = this.#overlay.findPub(name, pub) ?? folded?.find(pub);
    return original ? repeatOf(original, digest) : FORGOTTEN_DUPLICATE;
  }

  #refusalOfKey({ name, digest }: Publish & { kind: 'keyed' }, logTime: number): Refusal | null {
    const original = this.#overlay.findKey(name) ?? this.#publishers.findNamedKey(name);
    if (original === undefined || !keyCounts(original, logTime, this.#limits.keyWindowMs)) return null;
    return repeatOf(original, digest);
  }

  /** Rooms in flight count once: those that the fold has too are found there. */
  #hasPlaceFor(room: RoomId): boolean {
    const { heads } = this.#fold;
    if (heads.size + this.#overlay.roomCount < heads.limit) return true;
    if (heads.has(room) || this.#overlay.seqOf(room) !== undefined) return true;
    let rooms = heads.size;
    for (const inFlight of this.#overlay.rooms()) if (!heads.has(inFlight)) rooms++;
    return rooms < heads.limit;
  }

  #answer(inbound: Offset, logTime: number, asked: Asked, refusal: Refusal): { readonly answer: Answer } {
    this.#overlay.push({ inbound, logTime, room: null, seq: NO_SEQ, digest: null, publisher: null, pub: 0, key: null });
    const { room, user, session, pub, key, origin } = asked;
    return {
      answer: {
        room,
        user,
        session,
        pub,
        key,
        origin,
        code: refusal.code,
        seq: refusal.original?.seq ?? null,
        offset: refusal.original?.offset ?? null,
        expected: (refusal.expected ?? null) as Pub | null,
        reason: refusal.reason ?? null,
      },
    };
  }
}

/** What the fold will look the publisher up by; null where it has no session that counts. */
function nameOf(publish: Publish): PublisherName | null {
  return publish.kind === 'numbered' && isMinted(publish.publisher) ? publish.publisher : null;
}

const isMinted = (publisher: KnownPublisher): publisher is KnownPublisher & PublisherName =>
  publisher.mintedAt !== null;

type Asked = Pick<InboundEvent, 'room' | 'user' | 'session' | 'pub' | 'key' | 'origin'>;

/** The same content is the same publish: a success. Other content under the same number or key is another publisher's. */
function repeatOf(original: Remembered, digest: Digest): Refusal {
  const same = original.digest.hi === digest.hi && original.digest.lo === digest.lo;
  return same ? { code: 'duplicate', original } : SESSION_IN_USE;
}
