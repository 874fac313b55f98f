/**
 * The names that publishers are looked up by, for those that came lately: to put one together, to read when its session was minted, and to hash it as a new string
 * in every map costs more than all the look-ups. Sessions are found by their string, which readers hand over as the same one again and again.
 */
import type { RoomId, SessionId, UserId } from '../ids.ts';
import { publisherKey } from './publishers.ts';
import { sessionTime } from './uuidv7.ts';

/** Past this all are forgotten, and made again when they come: some ten megabytes. */
const MAX_NAMES = 32_768;

export interface KnownPublisher {
  readonly room: RoomId;
  readonly user: UserId;
  /** `publisherKey` */
  readonly name: string;
  /** `sessionTime`; null: the session is no UUIDv7. */
  readonly mintedAt: number | null;
}

export class PublisherNames {
  readonly #limit: number;
  /** A session in another room takes the place of the one before. */
  readonly #known = new Map<SessionId, KnownPublisher>();

  constructor(limit: number = MAX_NAMES) {
    this.#limit = limit;
  }

  of(room: RoomId, user: UserId, session: SessionId): KnownPublisher {
    const known = this.#known.get(session);
    if (known !== undefined && known.room === room && known.user === user) return known;
    if (known === undefined && this.#known.size >= this.#limit) this.#known.clear();
    const made = { room, user, name: publisherKey(room, user, session), mintedAt: sessionTime(session) };
    this.#known.set(session, made);
    return made;
  }
}
