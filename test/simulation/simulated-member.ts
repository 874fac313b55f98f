/**
 * Membership in the consumer group as a process has it: heartbeats travel, sessions time out at the brokers, and a process
 * that was thrown out hears of it with its next heartbeat, and joins again.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { GroupMember, GroupOptions } from '../../core/ports/event-log.ts';
import type { Brokers } from './brokers.ts';
import type { Actor } from './scheduler.ts';
import type { SimulatedLog } from './simulated-log.ts';

type Beat = 'alive' | 'rebalancing' | 'unknown_member';

export class SimulatedMember implements GroupMember {
  generation = -1;
  lastHeartbeatAt = Number.NEGATIVE_INFINITY;
  readonly #brokers: Brokers;
  readonly #actor: Actor;
  readonly #log: SimulatedLog;
  readonly #options: GroupOptions;
  #memberId = '';
  #left = false;
  #beating = false;

  constructor(brokers: Brokers, actor: Actor, log: SimulatedLog, options: GroupOptions) {
    this.#brokers = brokers;
    this.#actor = actor;
    this.#log = log;
    this.#options = options;
  }

  async join(): Promise<void> {
    const { scheduler } = this.#brokers;
    const sentAt = scheduler.now;
    const memberId = this.#brokers.newMemberId(this.#actor);
    this.#memberId = memberId;
    await this.#log.ask(async () => {
      if (!this.#brokers.available) throw new RoomlogError('kafka_unreachable');
      this.#brokers.seen(memberId, this.#options.sessionTimeoutMs);
      this.#brokers.group.join(memberId, {
        ...this.#options,
        onAssignment: (partitions, generation) => this.#tell(memberId, partitions, generation),
      });
    });
    if (this.#memberId !== memberId) return;
    this.lastHeartbeatAt = sentAt;
    if (!this.#beating) this.#beat();
    this.#beating = true;
  }

  /** It never came in, as far as it knows. */
  abandon(): void {
    this.#left = true;
  }

  commit(positions: ReadonlyMap<Partition, Offset>): void {
    for (const [partition, offset] of positions) this.#brokers.group.committed.set(partition, offset);
  }

  async leave(): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    const memberId = this.#memberId;
    await this.#log.ask(async () => {
      if (!this.#brokers.available) throw new RoomlogError('kafka_unreachable');
      this.#brokers.forget(memberId);
      await this.#brokers.group.member(memberId)?.leave();
    });
  }

  /** In a task of the brokers. */
  #tell(memberId: string, partitions: readonly Partition[], generation: number): void {
    const { scheduler } = this.#brokers;
    this.#brokers.whenOpen(this.#actor, () => {
      scheduler.after(this.#brokers.latencyMs(), this.#actor, () => {
        if (this.#left || this.#memberId !== memberId || generation < this.generation) return;
        this.generation = generation;
        scheduler.trace.note(
          scheduler.now,
          this.#actor.name,
          `owns ${partitions.join() || 'nothing'} in ${generation}`,
        );
        this.#options.onAssignment(partitions, generation);
      });
    });
  }

  #beat(): void {
    setTimeout(() => {
      if (this.#left) return;
      this.#beat();
      const { scheduler } = this.#brokers;
      const sentAt = scheduler.now;
      const { generation } = this;
      const memberId = this.#memberId;
      const answered = (beat: Beat) => {
        if (this.#left || this.#memberId !== memberId) return;
        if (beat === 'alive' && this.generation === generation)
          this.lastHeartbeatAt = Math.max(this.lastHeartbeatAt, sentAt);
        if (beat === 'unknown_member') this.#rejoin();
      };
      this.#log.ask(async () => this.#received(memberId, generation)).then(answered, () => {});
    }, this.#options.heartbeatIntervalMs);
  }

  /** At the brokers. */
  #received(memberId: string, generation: number): Beat {
    const member = this.#brokers.group.member(memberId);
    if (member === undefined) return 'unknown_member';
    if (!this.#brokers.available) throw new RoomlogError('kafka_unreachable');
    this.#brokers.seen(memberId, this.#options.sessionTimeoutMs);
    return member.generation === generation ? 'alive' : 'rebalancing';
  }

  #rejoin(): void {
    this.#memberId = '';
    this.generation = -1;
    this.lastHeartbeatAt = Number.NEGATIVE_INFINITY;
    this.#options.onAssignment([], -1);
    const again = () => {
      if (this.#left) return;
      this.join().catch(() => setTimeout(again, this.#options.heartbeatIntervalMs));
    };
    again();
  }
}
