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
import { PUBLISHER_WINDOW } from '../log/record.ts';
import { FORGET_AFTER_MS } from './sessions.ts';
import { sessionTime } from './uuidv7.ts';

export interface PublishersLimits {
  /** A session older than this, by log time, is unknown. */
  readonly sessionMaxAgeMs: number;
  /** How long a key is remembered, by log time. */
  readonly keyWindowMs: number;
}

/** An accepted publish, as it is remembered. */
export interface Remembered {
  readonly seq: Seq;
  /** null while the outbound record has not been read back. */
  readonly offset: Offset | null;
  readonly digest: Digest;
}

export interface RememberedKey extends Remembered {
  /** Log time of its acceptance, ms. */
  readonly time: number;
}

/** Numbers per publish in `Publisher.#window`: seq, offset, digest's halves. */
const STRIDE = 4;
/** Sessions minted within the same span are forgotten together. */
const BUCKET_MS = 600_000;

/** One session in one room: the last number, and a ring of the last 32 publishes, 32 bytes each, grown as needed. */
export class Publisher {
  last = 0;
  #window: number[] = [];

  /** The publish with this number; null where it is not among the last 32. */
  find(pub: number): Remembered | null {
    if (pub > this.last || pub <= this.last - PUBLISHER_WINDOW || pub < 1) return null;
    const at = ((pub - 1) % PUBLISHER_WINDOW) * STRIDE;
    const seq = this.#window[at];
    // NaN: a number that the log never had, see `accept`.
    if (seq === undefined || Number.isNaN(seq)) return null;
    return {
      seq: seq as Seq,
      offset: this.#window[at + 1] as Offset,
      digest: { hi: this.#window[at + 2] as number, lo: this.#window[at + 3] as number },
    };
  }

  /**
   * The log is the truth even where another version of the decision wrote it: a number that jumps ahead leaves what it jumped over
   * unknown; one that was there before changes nothing.
   */
  accept(pub: number, seq: number, offset: number, digest: Digest): void {
    if (pub <= this.last) return;
    for (let skipped = Math.max(this.last + 1, pub - PUBLISHER_WINDOW + 1); skipped < pub; skipped++) {
      this.#put(skipped, Number.NaN, Number.NaN, 0, 0);
    }
    this.#put(pub, seq, offset, digest.hi, digest.lo);
    this.last = pub;
  }

  #put(pub: number, seq: number, offset: number, hi: number, lo: number): void {
    const at = ((pub - 1) % PUBLISHER_WINDOW) * STRIDE;
    if (at === 0 && this.#window.length === 0) {
      // Most sessions publish once or twice in a room: an array made by pushing would hold four times as much.
      this.#window = [seq, offset, hi, lo];
      return;
    }
    const window = this.#window;
    while (window.length < at) window.push(Number.NaN, Number.NaN, 0, 0);
    if (at === window.length) {
      window.push(seq, offset, hi, lo);
      // Full: it won't grow again, so the room left for growth is given back.
      if (window.length === PUBLISHER_WINDOW * STRIDE) this.#window = window.slice();
      return;
    }
    window[at] = seq;
    window[at + 1] = offset;
    window[at + 2] = hi;
    window[at + 3] = lo;
  }
}

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

  constructor(limits: PublishersLimits) {
    this.limits = limits;
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
    let bucket = this.#buckets.get(bucketOf(mintedAt));
    if (bucket === undefined) {
      bucket = new Map();
      this.#buckets.set(bucketOf(mintedAt), bucket);
    }
    const key = publisherKey(publish.room, publish.user, publish.session);
    let publisher = bucket.get(key);
    if (publisher === undefined) {
      publisher = new Publisher();
      bucket.set(key, publisher);
    }
    publisher.accept(publish.pub, seq, offset, digest);
  }

  acceptKey(room: RoomId, user: UserId, key: string, remembered: RememberedKey): void {
    const name = idempotencyKey(room, user, key);
    // Taken out first, so that the map stays in the order of time.
    this.#keys.delete(name);
    this.#keys.set(name, remembered);
  }

  /** Forgets what is too old at this log time. Cheap when nothing is. */
  sweep(logTime: number): void {
    const bucketNow = bucketOf(logTime);
    if (bucketNow === this.#sweptBucket) return;
    this.#sweptBucket = bucketNow;
    const keepFrom = bucketOf(logTime - this.limits.sessionMaxAgeMs - FORGET_AFTER_MS);
    for (const bucket of this.#buckets.keys()) if (bucket < keepFrom) this.#buckets.delete(bucket);
    for (const [name, remembered] of this.#keys) {
      if (keyCounts(remembered, logTime, this.limits.keyWindowMs)) break;
      this.#keys.delete(name);
    }
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
