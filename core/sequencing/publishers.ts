/**
 * What is remembered of publishers, to tell a repeat from news: per (room, user, session) the last 32 accepted publishes,
 * per (room, user, key) the publish that used the key. A pure function of the accepted events and their log time: a
 * rebuild from the log has the same state to the last entry.
 *
 * Physical forgetting is by whole buckets of sessions (by when they were minted) and from the old end of the keys, so
 * that it costs nothing per publish. Decisions never depend on it: they look at the age first (`sessionCounts`,
 * `findKey`), and only what is too old to be looked at is forgotten.
 */

import type { Offset, Pub, RoomId, Seq, SessionId, UserId } from '../ids.ts';
import type { Digest } from '../log/digest.ts';
import type { PublisherName } from '../log/digest-memo.ts';
import { Publisher, type PublisherState, type RememberedKey } from './publisher.ts';
import { PublishersCapture } from './publishers-capture.ts';
import { FORGET_AFTER_MS } from './sessions.ts';
import { sessionTime } from './uuidv7.ts';

export interface PublishersLimits {
  /** A session older than this, by log time, is unknown. */
  readonly sessionMaxAgeMs: number;
  /** How long a key is remembered, by log time. */
  readonly keyWindowMs: number;
}

/** Characters of a session at the front of a `publisherKey`. */
const SESSION_LENGTH = 36;
/** Sessions minted within the same span are forgotten together. */
const BUCKET_MS = 600_000;

/** Injective whatever the names are: a session that counts has 36 characters, and the user's length is told. */
export function publisherKey(room: RoomId, user: UserId, session: SessionId): string {
  return `${session}${user.length}:${user}${room}`;
}

/** Injective: both lengths are told. */
export function idempotencyKey(room: RoomId, user: UserId, key: string): string {
  return `${key.length}:${user.length}:${key}${user}${room}`;
}

const bucketOf = (mintedAt: number): number => Math.floor(mintedAt / BUCKET_MS);

export class Publishers {
  readonly limits: PublishersLimits;
  /** By the time at which the session was minted, then by `publisherKey`. */
  readonly #buckets = new Map<number, Map<string, Publisher>>();
  /** By `idempotencyKey`; the oldest first, since log time never goes back. */
  readonly #keys = new Map<string, RememberedKey>();
  #sweptBucket = -1;
  #forgottenBefore = 0;
  #capture: PublishersCapture | null = null;

  constructor(limits: PublishersLimits) {
    this.limits = limits;
  }

  /**
   * Sessions minted before this (ms) may have been forgotten, whatever `limits` say today: a longer `sessionMaxAgeMs` does
   * not bring back what a shorter one let go.
   */
  get forgottenBefore(): number {
    return this.#forgottenBefore;
  }

  /**
   * Everything as it is now, to be walked at leisure while more is accepted. One at a time; `release` it.
   * `offset`: the next record to be folded.
   */
  capture(offset: Offset): PublishersCapture {
    if (this.#capture !== null) throw new Error('a capture is under way');
    const capture = new PublishersCapture(
      offset,
      [...this.#buckets.values()],
      this.#keys,
      this.#forgottenBefore,
      () => {
        if (this.#capture === capture) this.#capture = null;
      },
    );
    this.#capture = capture;
    return capture;
  }

  /** Takes a publisher over from a snapshot. In the order in which the capture had them. */
  restorePublisher(name: string, state: PublisherState): void {
    const mintedAt = sessionTime(name.slice(0, SESSION_LENGTH));
    if (mintedAt !== null) this.#bucket(mintedAt).set(name, Publisher.from(state));
  }

  /** Takes a key over from a snapshot. In the order in which the capture had them. */
  restoreKey(name: string, remembered: RememberedKey): void {
    this.#keys.set(name, remembered);
  }

  /** The rest of a snapshot's state. `logTime`: null where no record was accepted yet. */
  restoreSwept(logTime: number | null, forgottenBefore: number): void {
    this.#sweptBucket = logTime === null ? -1 : bucketOf(logTime);
    this.#forgottenBefore = forgottenBefore;
  }

  /** Sessions in rooms, and keys, that are held in memory. */
  get size(): number {
    let size = this.#keys.size;
    for (const bucket of this.#buckets.values()) size += bucket.size;
    return size;
  }

  find(room: RoomId, user: UserId, session: SessionId): Publisher | undefined {
    const mintedAt = sessionTime(session);
    if (mintedAt === null) return undefined;
    return this.findNamed(publisherKey(room, user, session), mintedAt);
  }

  /** The same, for who has the `publisherKey` and the `sessionTime` at hand. */
  findNamed(name: string, mintedAt: number): Publisher | undefined {
    return this.#buckets.get(bucketOf(mintedAt))?.get(name);
  }

  /** The publish that used this key within the window that ends at `logTime`. */
  findKey(room: RoomId, user: UserId, key: string, logTime: number): RememberedKey | undefined {
    const remembered = this.findNamedKey(idempotencyKey(room, user, key));
    return remembered !== undefined && keyCounts(remembered, logTime, this.limits.keyWindowMs) ? remembered : undefined;
  }

  /** By `idempotencyKey`, whatever its age. */
  findNamedKey(name: string): RememberedKey | undefined {
    return this.#keys.get(name);
  }

  /** An accepted event of a numbered publish. `logTime` includes that event's. */
  acceptPub(
    publish: { readonly room: RoomId; readonly user: UserId; readonly session: SessionId; readonly pub: Pub },
    seq: Seq,
    offset: Offset,
    digest: Digest,
  ): void {
    const mintedAt = sessionTime(publish.session);
    // No decision ever looks up what is no session; so there is nothing to remember.
    if (mintedAt === null) return;
    const name = publisherKey(publish.room, publish.user, publish.session);
    this.acceptNamed({ name, mintedAt }, publish.pub, seq, offset, digest);
  }

  /** The same, for who has the `publisherKey` and the `sessionTime` at hand. */
  acceptNamed({ name, mintedAt }: PublisherName, pub: Pub, seq: Seq, offset: Offset, digest: Digest): void {
    const bucket = this.#bucket(mintedAt);
    let publisher = bucket.get(name);
    if (publisher === undefined) {
      publisher = new Publisher();
      bucket.set(name, publisher);
    } else this.#capture?.keep(publisher);
    publisher.accept(pub, seq, offset, digest);
  }

  acceptKey(room: RoomId, user: UserId, key: string, remembered: RememberedKey): void {
    const name = idempotencyKey(room, user, key);
    // Taken out first, so that the map stays in the order of time.
    this.#forgetKey(name);
    this.#keys.set(name, remembered);
  }

  /** Forgets what is too old at this log time. Cheap when nothing is. */
  sweep(logTime: number): void {
    const bucketNow = bucketOf(logTime);
    if (bucketNow === this.#sweptBucket) return;
    this.#sweptBucket = bucketNow;
    const keepFrom = bucketOf(logTime - this.limits.sessionMaxAgeMs - FORGET_AFTER_MS);
    this.#forgottenBefore = Math.max(this.#forgottenBefore, keepFrom * BUCKET_MS);
    for (const bucket of this.#buckets.keys()) if (bucket < keepFrom) this.#buckets.delete(bucket);
    for (const [name, remembered] of this.#keys) {
      if (keyCounts(remembered, logTime, this.limits.keyWindowMs)) break;
      this.#forgetKey(name);
    }
  }

  #bucket(mintedAt: number): Map<string, Publisher> {
    const number = bucketOf(mintedAt);
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = new Map();
      this.#buckets.set(number, bucket);
    }
    return bucket;
  }

  #forgetKey(name: string): void {
    if (this.#capture !== null) {
      const remembered = this.#keys.get(name);
      if (remembered !== undefined) this.#capture.keepKey(name, remembered);
    }
    this.#keys.delete(name);
  }

  /** Everything, for comparing a rebuilt state with a live one, and for snapshots. */
  *publishers(): IterableIterator<[string, Publisher]> {
    for (const bucket of this.#buckets.values()) yield* bucket;
  }

  keys(): IterableIterator<[string, RememberedKey]> {
    return this.#keys.entries();
  }
}

/** Whether a key used at `remembered.time` still counts. */
export function keyCounts(remembered: { readonly time: number }, logTime: number, keyWindowMs: number): boolean {
  return logTime - remembered.time <= keyWindowMs;
}
