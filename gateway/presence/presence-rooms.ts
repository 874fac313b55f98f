/**
 * Which connections of this gateway take part in the presence of a room: they are shown as members, and get the diffs. Built
 * so that a slow or dead store never holds anything else up.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { ConnectionId, RoomId } from '../../core/ids.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Member, MemberList, PresenceDiff, PresenceStore } from '../../core/ports/presence-store.ts';

/** How long a join waits for its `members`. */
export const MEMBERS_WAIT_MS = 300;
/** Diffs kept for a connection whose `joined` has not been sent yet; it asks again if it missed more. */
const MAX_HELD_DIFFS = 100;

/** A connection's side. */
export interface PresenceAudience {
  readonly id: ConnectionId;
  onPresence(diff: PresenceDiff): void;
}

interface Seat {
  readonly audience: PresenceAudience;
  /** Of the member, kept when its meta changes. */
  readonly since: number;
  /** Diffs that came before the list was sent; null once it was. */
  held: PresenceDiff[] | null;
}

export class PresenceRooms {
  readonly #store: PresenceStore;
  readonly #logger: LogSink;
  readonly #rooms = new Map<RoomId, Map<ConnectionId, Seat>>();

  constructor(store: PresenceStore, logger: LogSink) {
    this.#store = store;
    this.#logger = logger;
  }

  get available(): boolean {
    return this.#store.available;
  }

  /** Announces a member. Its diffs are held until `release`. Resolves to null where the store can't answer in time. */
  async enter(room: RoomId, audience: PresenceAudience, member: Member): Promise<MemberList | null> {
    this.#seat(room, audience, member.since);
    const joined = this.#quietly(room, this.#store.join(room, member));
    if (!this.#store.available) return null;
    const list = joined.then((ok) => (ok ? this.#quietly(room, this.#store.members(room)) : null));
    return within(list, MEMBERS_WAIT_MS);
  }

  /** Lets the diffs flow that are newer than the list that was sent. */
  release(room: RoomId, connection: ConnectionId, afterVersion: number | null): void {
    const seat = this.#rooms.get(room)?.get(connection);
    if (seat?.held === null || seat === undefined) return;
    const held = seat.held;
    seat.held = null;
    for (const diff of held) if (afterVersion === null || diff.version > afterVersion) seat.audience.onPresence(diff);
  }

  takesPart(room: RoomId, connection: ConnectionId): boolean {
    return this.#rooms.get(room)?.has(connection) ?? false;
  }

  leave(room: RoomId, connection: ConnectionId): void {
    const seats = this.#rooms.get(room);
    if (seats === undefined || !seats.delete(connection)) return;
    if (seats.size === 0) {
      this.#rooms.delete(room);
      this.#store.unwatch(room);
    }
    void this.#quietly(room, this.#store.leave(room, connection));
  }

  /** The members now, after this connection's meta was changed if given. Throws `unavailable`. */
  async list(room: RoomId, audience: PresenceAudience, member: Member | null): Promise<MemberList> {
    try {
      if (member !== null) {
        const isNew = !this.takesPart(room, audience.id);
        const { since } = this.#seat(room, audience, member.since);
        if (isNew) this.release(room, audience.id, null);
        await this.#store.join(room, { ...member, since });
      }
      return await this.#store.members(room);
    } catch (cause) {
      throw new RoomlogError('unavailable', 'Presence can not be served right now.', {
        cause,
        details: { retryAfter: 1_000 },
      });
    }
  }

  #seat(room: RoomId, audience: PresenceAudience, since: number): Seat {
    let seats = this.#rooms.get(room);
    if (seats === undefined) {
      seats = new Map();
      this.#rooms.set(room, seats);
      this.#store.watch(room, (diff) => this.#onDiff(diff));
    }
    const known = seats.get(audience.id);
    if (known !== undefined) return known;
    const seat: Seat = { audience, since, held: [] };
    seats.set(audience.id, seat);
    return seat;
  }

  #onDiff(diff: PresenceDiff): void {
    const seats = this.#rooms.get(diff.room);
    if (seats === undefined) return;
    for (const { audience, held } of seats.values()) {
      if (held === null) audience.onPresence(diff);
      else if (held.length < MAX_HELD_DIFFS) held.push(diff);
    }
  }

  /** A store's failure is its own: it heals by itself, and durable events don't wait for it. */
  async #quietly<T>(room: RoomId, work: Promise<T>): Promise<T | true | null> {
    try {
      return (await work) ?? true;
    } catch (error) {
      this.#logger.debug({ room, error }, 'presence is not available');
      return null;
    }
  }
}

async function within<T>(work: Promise<T | true | null>, ms: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(resolve, ms, null);
  });
  const value = await Promise.race([work, late]);
  clearTimeout(timer);
  return value === true ? null : value;
}
