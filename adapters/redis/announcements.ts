/**
 * Gathers each room's joins and leaves, and tells them together: at once where the room has been quiet, else at the end of
 * the window that the last telling opened.
 */
import type { ConnectionId, RoomId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Member } from '../../core/ports/presence-store.ts';
import { type Changes, PendingChanges } from '../../core/presence/changes.ts';

type Tell = (room: RoomId, changes: Changes) => Promise<void>;

interface RoomState {
  pending: PendingChanges;
  /** The telling that `pending` waits for. */
  next: Promise<void> | null;
  /** By the monotonic clock; before it the next telling has to wait. */
  quietFrom: number;
}

export class RoomAnnouncements {
  readonly #windowMs: number;
  readonly #clock: Clock;
  readonly #tell: Tell;
  readonly #rooms = new Map<RoomId, RoomState>();
  #stopped = false;

  constructor(windowMs: number, clock: Clock, tell: Tell) {
    this.#windowMs = windowMs;
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Resolves when it was told; rejects as the telling does. */
  join(room: RoomId, member: Member): Promise<void> {
    const state = this.#state(room);
    state.pending.join(member);
    return this.#next(room, state);
  }

  leave(room: RoomId, connection: ConnectionId): Promise<void> {
    const state = this.#state(room);
    state.pending.leave(connection);
    return this.#next(room, state);
  }

  /** Drops what is kept of rooms that are quiet again. To be called now and then. */
  forgetQuiet(): void {
    const now = this.#clock.monotonic();
    for (const [room, { next, quietFrom }] of this.#rooms) {
      if (next === null && quietFrom <= now) this.#rooms.delete(room);
    }
  }

  /** Nothing is told any more; those who wait are let go. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled([...this.#rooms.values()].map(({ next }) => next));
    this.#rooms.clear();
  }

  get size(): number {
    return this.#rooms.size;
  }

  #state(room: RoomId): RoomState {
    let state = this.#rooms.get(room);
    if (state === undefined) {
      state = { pending: new PendingChanges(), next: null, quietFrom: Number.NEGATIVE_INFINITY };
      this.#rooms.set(room, state);
    }
    return state;
  }

  #next(room: RoomId, state: RoomState): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    state.next ??= this.#wait(state.quietFrom - this.#clock.monotonic()).then(() => {
      const changes = state.pending;
      state.pending = new PendingChanges();
      state.next = null;
      if (this.#stopped) return;
      state.quietFrom = this.#clock.monotonic() + this.#windowMs;
      return this.#tell(room, changes);
    });
    return state.next;
  }

  /** Even without a wait the rest of this turn of the event loop may add to the same telling. */
  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (ms > 0) setTimeout(resolve, ms);
      else queueMicrotask(resolve);
    });
  }
}
