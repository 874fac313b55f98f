/** A consumer group in memory: joins and leaves rebalance at once; members hear of it in the next turn. */
import type { Offset, Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { GroupMember, GroupOptions } from '../../core/ports/event-log.ts';
import { assignSticky } from '../kafka/sticky-assignment.ts';

/** What a group needs of the cluster that it lives in. */
export interface GroupHost {
  readonly clock: Clock;
  partitions(topic: string): readonly unknown[];
  defer(run: () => void): void;
}

export class MemoryGroup {
  readonly #cluster: GroupHost;
  readonly #topic: string;
  readonly #members = new Map<string, MemoryMember>();
  readonly committed = new Map<Partition, Offset>();
  #generation = 0;

  constructor(cluster: GroupHost, topic: string) {
    this.#cluster = cluster;
    this.#topic = topic;
  }

  join(memberId: string, options: GroupOptions): MemoryMember {
    const member = new MemoryMember(this, this.#cluster, memberId, options);
    this.#members.set(memberId, member);
    this.#rebalance();
    return member;
  }

  member(memberId: string): MemoryMember | undefined {
    return this.#members.get(memberId);
  }

  get memberIds(): string[] {
    return [...this.#members.keys()];
  }

  /** As when the session timed out: the others share its partitions; it hears of it only if `tell` is set. */
  evict(memberId: string, options: { tell: boolean }): void {
    const member = this.#members.get(memberId);
    if (!member) return;
    this.#members.delete(memberId);
    member.lose(options.tell);
    this.#rebalance();
  }

  /** Makes every member join again, as any change of the group does. */
  rebalance(): void {
    this.#rebalance();
  }

  leave(member: MemoryMember): void {
    if (this.#members.get(member.memberId) !== member) return;
    this.#members.delete(member.memberId);
    this.#rebalance();
  }

  #rebalance(): void {
    if (this.#members.size === 0) return;
    this.#generation++;
    const shares = assignSticky(
      [...this.#members.values()].map((m) => ({ memberId: m.memberId, owned: m.owned, generation: m.generation })),
      this.#cluster.partitions(this.#topic).length,
    );
    for (const member of this.#members.values()) {
      member.assign(shares.get(member.memberId) ?? [], this.#generation);
    }
  }
}

export class MemoryMember implements GroupMember {
  readonly memberId: string;
  generation = -1;
  owned: readonly Partition[] = [];
  readonly #group: MemoryGroup;
  readonly #cluster: GroupHost;
  readonly #options: GroupOptions;
  #frozenAt: number | null = null;
  #left = false;

  constructor(group: MemoryGroup, cluster: GroupHost, memberId: string, options: GroupOptions) {
    this.#group = group;
    this.#cluster = cluster;
    this.memberId = memberId;
    this.#options = options;
  }

  /** Heartbeats are taken to succeed all the time until `freeze`. */
  get lastHeartbeatAt(): number {
    if (this.generation < 0) return Number.NEGATIVE_INFINITY;
    return this.#frozenAt ?? this.#cluster.clock.monotonic();
  }

  /** From now on no heartbeat succeeds. */
  freeze(): void {
    this.#frozenAt ??= this.#cluster.clock.monotonic();
  }

  thaw(): void {
    this.#frozenAt = null;
  }

  assign(partitions: readonly Partition[], generation: number): void {
    this.owned = partitions;
    this.#cluster.defer(() => {
      if (this.#left || this.owned !== partitions) return;
      this.generation = generation;
      this.#options.onAssignment(partitions, generation);
    });
  }

  lose(tell: boolean): void {
    this.freeze();
    const none: readonly Partition[] = [];
    this.owned = none;
    if (!tell) return;
    this.#cluster.defer(() => {
      if (!this.#left && this.owned === none) this.#options.onAssignment([], this.generation);
    });
  }

  commit(positions: ReadonlyMap<Partition, Offset>): void {
    for (const [partition, offset] of positions) this.#group.committed.set(partition, offset);
  }

  async leave(): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    this.freeze();
    this.#group.leave(this);
  }
}
