/** Who is in which room on this gateway, and who of them gets events as they come. */
import type { Offset, RoomId } from '../../core/ids.ts';
import type { SlowClientLimits } from '../../core/limits/slow-clients.ts';
import { FlushWindow } from '../fanout/window.ts';
import type { PartitionHistory } from '../history/partition-history.ts';
import type { Position } from '../history/room-reader.ts';
import type { Sink } from '../stream.ts';

/**
 * - `waiting`: subscribed, `begin` not called yet.
 * - `catching-up`: reads from the ring or the log at its own pace.
 * - `live`: gets each flush window; has everything up to the room's head.
 * - `left`: gets nothing more.
 */
export type MemberState = 'waiting' | 'catching-up' | 'live' | 'left';

/** One subscription: a room and a way out. */
export class Member {
  readonly room: Room;
  readonly sink: Sink;
  state: MemberState = 'waiting';
  /** The room's seq that it was given last; null before anything told. */
  seq: number | null;
  /** Where it came in; null once it was given something. */
  #entered: Position | null;
  /** From then on: behind what it was given. A number of its own, since an object in its place costs V8's collector a look at each member that has got one. */
  #from: Offset;
  /** `live` is said once. */
  saidLive = false;
  /** It left the live path because its socket could not keep up, and has not come back. */
  fellBehind = false;
  /** Made when first waited for: most members never wait, and one weighs more than all else here. */
  #leaving: AbortController | null = null;

  constructor(room: Room, sink: Sink, position: Position) {
    this.room = room;
    this.sink = sink;
    this.#entered = position;
    this.#from = position.from;
    this.seq = position.seq;
  }

  /** Where to go on reading, should it leave the live path. */
  get position(): Position {
    return this.#entered ?? { seq: this.seq, from: this.#from };
  }

  /** Aborted when it leaves: ends waits for it. */
  get leaving(): AbortSignal {
    this.#leaving ??= new AbortController();
    if (this.state === 'left') this.#leaving.abort();
    return this.#leaving.signal;
  }

  /** Only `Rooms.leave` calls this. */
  left(): void {
    this.state = 'left';
    this.#leaving?.abort();
  }

  /** Notes what was handed to the sink. */
  gave(seq: number, next: Offset): void {
    this.#entered = null;
    this.seq = seq;
    this.#from = next;
  }
}

export class Room {
  readonly id: RoomId;
  readonly history: PartitionHistory;
  /** When a member is too slow, and what becomes of it. */
  readonly slow: SlowClientLimits;
  readonly members = new Set<Member>();
  readonly live = new Set<Member>();
  readonly window = new FlushWindow();

  constructor(id: RoomId, history: PartitionHistory, slow: SlowClientLimits) {
    this.id = id;
    this.history = history;
    this.slow = slow;
  }
}

/** Bounded by the edge: connections times rooms per connection. */
export class Rooms implements Iterable<Room> {
  readonly #rooms = new Map<RoomId, Room>();
  readonly #slowClients: { of(room: RoomId): SlowClientLimits };
  #members = 0;

  constructor(slowClients: { of(room: RoomId): SlowClientLimits }) {
    this.#slowClients = slowClients;
  }

  get size(): number {
    return this.#rooms.size;
  }

  get members(): number {
    return this.#members;
  }

  [Symbol.iterator](): Iterator<Room> {
    return this.#rooms.values();
  }

  get(id: RoomId): Room | undefined {
    return this.#rooms.get(id);
  }

  enter(id: RoomId, history: PartitionHistory, sink: Sink, position: Position): Member {
    let room = this.#rooms.get(id);
    if (room === undefined) {
      room = new Room(id, history, this.#slowClients.of(id));
      this.#rooms.set(id, room);
    }
    const member = new Member(room, sink, position);
    room.members.add(member);
    this.#members += 1;
    return member;
  }

  /** Idempotent. */
  leave(member: Member): void {
    if (member.state === 'left') return;
    const { room } = member;
    room.members.delete(member);
    room.live.delete(member);
    this.#members -= 1;
    // The room may have been emptied and entered anew.
    if (room.members.size === 0 && this.#rooms.get(room.id) === room) this.#rooms.delete(room.id);
    member.left();
  }

  leaveAll(): void {
    for (const room of [...this.#rooms.values()]) for (const member of [...room.members]) this.leave(member);
  }
}
