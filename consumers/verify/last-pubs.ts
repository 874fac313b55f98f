/**
 * The last accepted publish of each (room, user, session). Most sessions publish in one room of a partition: that one is found by the session
 * alone, without putting three names together. Sessions minted within the same span are let go of together.
 */
import type { RoomId, SessionId, UserId } from '../../core/ids.ts';
import { publisherKey } from '../../core/sequencing/publishers.ts';

const BUCKET_MS = 600_000;
const bucketOf = (mintedAt: number): number => Math.floor(mintedAt / BUCKET_MS);

interface SessionPubs {
  readonly room: RoomId;
  readonly user: UserId;
  last: number;
  /** By `publisherKey`; null while it publishes in one room. */
  others: Map<string, number> | null;
}

export class LastPubs {
  readonly #buckets = new Map<number, Map<SessionId, SessionPubs>>();

  /** undefined for one that is not known. @param mintedAt ms since the Unix epoch */
  get(room: RoomId, user: UserId, session: SessionId, mintedAt: number): number | undefined {
    const found = this.#buckets.get(bucketOf(mintedAt))?.get(session);
    if (found === undefined) return undefined;
    if (found.room === room && found.user === user) return found.last;
    return found.others?.get(publisherKey(room, user, session));
  }

  set(room: RoomId, user: UserId, session: SessionId, mintedAt: number, last: number): void {
    const number = bucketOf(mintedAt);
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = new Map();
      this.#buckets.set(number, bucket);
    }
    const found = bucket.get(session);
    if (found === undefined) bucket.set(session, { room, user, last, others: null });
    else if (found.room === room && found.user === user) found.last = last;
    else {
      found.others ??= new Map();
      found.others.set(publisherKey(room, user, session), last);
    }
  }

  /** Lets go of sessions of which all of their bucket were minted before. */
  forget(mintedBefore: number): void {
    const keepFrom = bucketOf(mintedBefore);
    for (const number of this.#buckets.keys()) if (number < keepFrom) this.#buckets.delete(number);
  }
}
