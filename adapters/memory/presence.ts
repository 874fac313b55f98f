/** Presence within one process: the same port as the one on Redis, for tests and simulation. */
import { RoomlogError } from '../../core/errors.ts';
import type { ConnectionId, RoomId } from '../../core/ids.ts';
import type { Member, MemberList, PresenceDiff, PresenceStore } from '../../core/ports/presence-store.ts';

interface Held {
  readonly member: Member;
  readonly owner: MemoryPresence;
}

interface Room {
  version: number;
  readonly members: Map<ConnectionId, Held>;
}

/** What several stores share, as gateways share a Redis. */
export class PresenceHub {
  readonly #rooms = new Map<RoomId, Room>();
  readonly #stores = new Set<MemoryPresence>();
  #down = false;

  get down(): boolean {
    return this.#down;
  }

  /** A fault: all stores answer `redis_unreachable` until `up`, when they announce their members again. */
  takeDown(): void {
    this.#down = true;
  }

  up(): void {
    this.#down = false;
    for (const store of [...this.#stores]) store.announceAll();
  }

  /** A fault: everything is forgotten, and announced again by its owners. */
  flush(): void {
    for (const room of this.#rooms.values()) room.members.clear();
    for (const store of [...this.#stores]) store.announceAll();
  }

  add(store: MemoryPresence): void {
    this.#stores.add(store);
  }

  /** The store is gone, and so are its members: stopped, or its lease ran out. */
  drop(store: MemoryPresence): void {
    this.#stores.delete(store);
    for (const [id, room] of this.#rooms) {
      const left = [...room.members.values()].filter(({ owner }) => owner === store).map(({ member }) => member);
      for (const { connection } of left) room.members.delete(connection);
      this.#publish(id, room, [], left);
    }
  }

  join(id: RoomId, member: Member, owner: MemoryPresence): void {
    const room = this.#room(id);
    const before = room.members.get(member.connection)?.member;
    room.members.set(member.connection, { member, owner });
    if (JSON.stringify(before) !== JSON.stringify(member)) this.#publish(id, room, [member], []);
  }

  leave(id: RoomId, connection: ConnectionId): void {
    const room = this.#room(id);
    const before = room.members.get(connection)?.member;
    room.members.delete(connection);
    if (before !== undefined) this.#publish(id, room, [], [before]);
  }

  list(id: RoomId, most: number): MemberList {
    const { version, members } = this.#room(id);
    const all = [...members.values()].map(({ member }) => member);
    return { version, members: all.slice(0, most), count: all.length };
  }

  #room(id: RoomId): Room {
    let room = this.#rooms.get(id);
    if (room === undefined) {
      room = { version: 0, members: new Map() };
      this.#rooms.set(id, room);
    }
    return room;
  }

  #publish(id: RoomId, room: Room, joined: readonly Member[], left: readonly Member[]): void {
    if (joined.length === 0 && left.length === 0) return;
    room.version += 1;
    const diff = { room: id, version: room.version, joined, left };
    for (const store of this.#stores) store.hear(diff);
  }
}

export class MemoryPresence implements PresenceStore {
  readonly #hub: PresenceHub;
  readonly #maxMembersListed: number;
  readonly #local = new Map<RoomId, Map<ConnectionId, Member>>();
  readonly #hearers = new Map<RoomId, (diff: PresenceDiff) => void>();

  constructor(hub: PresenceHub, maxMembersListed = 1_000) {
    this.#hub = hub;
    this.#maxMembersListed = maxMembersListed;
  }

  get available(): boolean {
    return !this.#hub.down;
  }

  async start(): Promise<void> {
    this.#hub.add(this);
  }

  async stop(): Promise<void> {
    this.#hub.drop(this);
    this.#local.clear();
    this.#hearers.clear();
  }

  async join(room: RoomId, member: Member): Promise<void> {
    const members = this.#local.get(room) ?? new Map<ConnectionId, Member>();
    members.set(member.connection, member);
    this.#local.set(room, members);
    if (this.#hub.down) throw new RoomlogError('redis_unreachable');
    this.#hub.join(room, member, this);
  }

  async leave(room: RoomId, connection: ConnectionId): Promise<void> {
    this.#local.get(room)?.delete(connection);
    if (!this.#hub.down) this.#hub.leave(room, connection);
  }

  async members(room: RoomId): Promise<MemberList> {
    if (this.#hub.down) throw new RoomlogError('redis_unreachable');
    return this.#hub.list(room, this.#maxMembersListed);
  }

  watch(room: RoomId, onDiff: (diff: PresenceDiff) => void): void {
    this.#hearers.set(room, onDiff);
  }

  unwatch(room: RoomId): void {
    this.#hearers.delete(room);
  }

  /** Called by the hub. */
  hear(diff: PresenceDiff): void {
    this.#hearers.get(diff.room)?.(diff);
  }

  /** Called by the hub after a fault: this store's members are the truth about them, those that left meanwhile included. */
  announceAll(): void {
    this.#hub.drop(this);
    this.#hub.add(this);
    for (const [room, members] of this.#local)
      for (const member of members.values()) this.#hub.join(room, member, this);
  }
}
