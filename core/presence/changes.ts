/**
 * Joins and leaves of one room that have not been told to the others yet: what comes together becomes one diff, and what
 * cancels out becomes none.
 */
import type { ConnectionId } from '../ids.ts';
import type { Member } from '../ports/presence-store.ts';

export interface Changes {
  readonly joins: ReadonlyMap<ConnectionId, Member>;
  readonly leaves: ReadonlySet<ConnectionId>;
}

export class PendingChanges implements Changes {
  readonly joins = new Map<ConnectionId, Member>();
  readonly leaves = new Set<ConnectionId>();

  get empty(): boolean {
    return this.joins.size === 0 && this.leaves.size === 0;
  }

  join(member: Member): void {
    this.leaves.delete(member.connection);
    this.joins.set(member.connection, member);
  }

  /** A join that was never told needs no leave, but an earlier one of the same connection may have been told: so it stays. */
  leave(connection: ConnectionId): void {
    this.joins.delete(connection);
    this.leaves.add(connection);
  }
}
