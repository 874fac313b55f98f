/**
 * The rooms of one connection. Commands for the same room run one after the other, in the order in which they came, so that
 * a `leave` never overtakes the `join` before it.
 */
import type { RoomId } from '../../core/ids.ts';
import type { Subscription } from '../stream.ts';

export interface MembershipOwner {
  /** Releases what a membership holds; called exactly once per membership. */
  onLeft(room: RoomId): void;
}

export class Memberships {
  /** null: being joined. */
  readonly #rooms = new Map<RoomId, Subscription | null>();
  /** Made while something runs: most connections join once. */
  #running: Map<RoomId, Promise<void>> | null = null;
  readonly #owner: MembershipOwner;

  constructor(owner: MembershipOwner) {
    this.#owner = owner;
  }

  get size(): number {
    return this.#rooms.size;
  }

  has(room: RoomId): boolean {
    return this.#rooms.has(room);
  }

  /** Takes a place, before the subscription is there. */
  reserve(room: RoomId): void {
    this.#rooms.set(room, null);
  }

  /** False where the place was given up meanwhile; the subscription is cancelled then. */
  settle(room: RoomId, subscription: Subscription): boolean {
    if (!this.#rooms.has(room)) {
      subscription.cancel();
      return false;
    }
    this.#rooms.set(room, subscription);
    return true;
  }

  leave(room: RoomId): void {
    const subscription = this.#rooms.get(room);
    if (subscription === undefined) return;
    this.#rooms.delete(room);
    subscription?.cancel();
    this.#owner.onLeft(room);
  }

  leaveAll(): void {
    for (const room of [...this.#rooms.keys()]) this.leave(room);
  }

  /** Runs a command for a room after those before it. `task` must not reject. */
  inOrder(room: RoomId, task: () => Promise<void>): void {
    const before = this.#running?.get(room);
    const run = before === undefined ? task() : before.then(task);
    this.#running ??= new Map();
    this.#running.set(room, run);
    void run.then(() => this.#ended(room, run));
  }

  #ended(room: RoomId, run: Promise<void>): void {
    if (this.#running?.get(room) !== run) return;
    this.#running.delete(room);
    if (this.#running.size === 0) this.#running = null;
  }
}
