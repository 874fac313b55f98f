/** The time for which the consumer group says that a partition is ours, and whether we may believe it right now. */
import type { Clock } from '../../core/ports/clock.ts';
import type { GroupMember } from '../../core/ports/event-log.ts';

/** What of a group member matters here. */
export type Heartbeats = Pick<GroupMember, 'lastHeartbeatAt'>;

export class Tenure {
  readonly #heartbeats: Heartbeats;
  readonly #clock: Clock;
  readonly #sessionTimeoutMs: number;
  #lost = false;
  #closing = false;

  constructor(heartbeats: Heartbeats, clock: Clock, sessionTimeoutMs: number) {
    this.#heartbeats = heartbeats;
    this.#clock = clock;
    this.#sessionTimeoutMs = sessionTimeoutMs;
  }

  /** The group took the partition away: not one more append. */
  get lost(): boolean {
    return this.#lost;
  }

  /** This process stops: what is in flight may finish, nothing new begins. */
  get closing(): boolean {
    return this.#closing || this.#lost;
  }

  /**
   * Whether an append may be sent now. Once the last successful heartbeat is older than the session time-out, the group
   * may have given the partition away without our knowing.
   */
  get mayWrite(): boolean {
    return !this.#lost && this.#clock.monotonic() - this.#heartbeats.lastHeartbeatAt <= this.#sessionTimeoutMs;
  }

  /** Whether a heartbeat that was sent after `since` (Clock.monotonic) has succeeded. */
  heardAfter(since: number): boolean {
    return !this.#lost && this.#heartbeats.lastHeartbeatAt > since;
  }

  lose(): void {
    this.#lost = true;
  }

  close(): void {
    this.#closing = true;
  }
}
