/**
 * Membership of a consumer group that only decides who owns a partition: join, sync, heartbeats in their own rhythm, rejoin. It reads nothing.
 *
 * kafkajs's consumer sends heartbeats only between fetches, restarts itself in its own time and does not tell when a heartbeat was sent;
 * so of a client only the requests are used.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { GroupMember, GroupOptions } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { backOffMs, Pause } from './back-off.ts';
import { type Connections, SilentError, within } from './connection.ts';
import { FORGOTTEN, REFUSED, REJOIN, typeOf, WAITING_FOR_MEMBERS } from './group-codes.ts';
import { assignAll, decodeAssignment, encodeSubscription, type Owned, PROTOCOL_NAME } from './group-protocol.ts';
import type { KafkaMetrics } from './kafka-metrics.ts';
import type { Metadata } from './metadata.ts';
import { type Membership, OffsetCommits } from './offset-commits.ts';
import type { BrokerConnection } from './transport.ts';
import type { BrokerAddress } from './wire/metadata.ts';

export interface MemberParts {
  /** This member's own sockets, patient and impatient ones; it closes them. */
  readonly joins: Connections;
  readonly beats: Connections;
  readonly metadata: Metadata;
  readonly clock: Clock;
  readonly logger: LogSink;
  readonly metrics: KafkaMetrics;
  onLeft(): void;
}

/** A leave that is not answered by then is left to the session time-out. */
const LEAVE_TIMEOUT_MS = 1_000;

/** A coordinator ends a rebalance when its time-out has passed, with those that came. One that says nothing for this long more is stuck. */
export const STUCK_AFTER_MS = 2_000;
/** So many stuck joins in a row, and the next one is made as a new member: whatever is stuck may be tied to the old one. */
const STUCK_JOINS_AS_SAME_MEMBER = 2;

export class KafkaMember implements GroupMember {
  readonly #options: GroupOptions;
  readonly #parts: MemberParts;
  readonly #pause = new Pause();
  readonly #commits: OffsetCommits;
  #membership: Membership | null = null;
  /** The group still counts on this member in `#membership`'s generation, as far as is known. */
  #joined = false;
  /** In a row. */
  #failures = 0;
  /** Joins in a row that came to no end. */
  #stuck = 0;
  /** Given by the coordinator; known from the first step of a join on. */
  #memberId = '';
  #coordinator: BrokerAddress | null = null;
  /** Kept after a loss too: whoever comes back soon finds its partitions' state still warm. */
  #owned: Owned = { partitions: [], generation: -1 };
  #told: readonly Partition[] = [];
  #lastHeartbeatAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | null = null;
  #leaving: Promise<void> | null = null;

  constructor(options: GroupOptions, parts: MemberParts) {
    this.#options = options;
    this.#parts = parts;
    const { groupId, topic } = options;
    const { beats, logger } = parts;
    const membership = () => (this.#leaving ? null : this.#membership);
    this.#commits = new OffsetCommits({ groupId, topic, connections: beats, logger, membership });
  }

  get generation(): number {
    return this.#membership?.generation ?? -1;
  }

  get lastHeartbeatAt(): number {
    return this.#lastHeartbeatAt;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  commit(positions: ReadonlyMap<Partition, Offset>): void {
    this.#commits.commit(positions);
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    const { groupId } = this.#options;
    const memberId = this.#memberId;
    this.#lastHeartbeatAt = Number.NEGATIVE_INFINITY;
    this.#pause.wake();
    if (memberId && this.#coordinator) {
      const leaving = this.#parts.beats.use(this.#coordinator, 'leaveGroup', (broker) =>
        broker.leaveGroup(groupId, memberId),
      );
      const timeout = new Pause();
      await Promise.race([leaving.catch(() => {}), timeout.for(LEAVE_TIMEOUT_MS)]);
      timeout.wake();
    }
    await Promise.all([this.#parts.joins.close(), this.#parts.beats.close()]);
    await this.#running;
    this.#parts.onLeft();
  }

  async #run(): Promise<void> {
    while (!this.#leaving) {
      try {
        await this.#pause.for(backOffMs(this.#failures));
        if (this.#leaving) return;
        const membership =
          this.#joined && this.#membership ? await this.#findAgain(this.#membership) : await this.#join();
        await this.#beat(membership);
      } catch (thrown) {
        if (!this.#leaving) this.#afterFailure(thrown);
      }
    }
  }

  #afterFailure(thrown: unknown): void {
    const type = typeOf(thrown);
    const { groupId } = this.#options;
    if (type && REJOIN.has(type)) {
      this.#joined = false;
      this.#parts.logger.debug({ group: groupId }, 'the group rebalances');
      return;
    }
    const line = { group: groupId, reason: (thrown as Error).message };
    // Once per loss: the tries that follow say the same until one succeeds.
    if (this.#failures === 0 && this.#membership) this.#parts.logger.warn(line, 'group membership was interrupted');
    else this.#parts.logger.debug(line, 'no place in the group yet');
    this.#failures++;
    if (type && FORGOTTEN.has(type)) {
      this.#memberId = '';
      this.#lose();
      return;
    }
    if (type && REFUSED.has(type)) {
      this.#lose();
      this.#options.onError(
        new RoomlogError('kafka_refused', `The group refused this member (${type}).`, { cause: thrown }),
      );
      return;
    }
    // The coordinator is away: until the session time-out has passed on its side nobody else gets the partitions.
    const silentMs = this.#parts.clock.monotonic() - this.#lastHeartbeatAt;
    if (silentMs >= this.#options.sessionTimeoutMs) this.#lose();
    const error = asRoomlogError(thrown, 'kafka_unreachable');
    if (error.code === 'topic_missing') this.#options.onError(error);
  }

  #lose(): void {
    this.#joined = false;
    this.#membership = null;
    this.#lastHeartbeatAt = Number.NEGATIVE_INFINITY;
    if (this.#told.length === 0) return;
    this.#told = [];
    this.#options.onAssignment([], this.#owned.generation);
  }

  async #join(): Promise<Membership> {
    const { groupId, topic } = this.#options;
    const { metadata, clock } = this.#parts;
    const coordinator = await this.#findCoordinator();
    const before = this.#membership;
    const joining = this.#stepOfJoin(coordinator, 'joinGroup', (broker) =>
      broker.joinGroup({
        groupId,
        memberId: this.#memberId,
        sessionTimeoutMs: this.#options.sessionTimeoutMs,
        rebalanceTimeoutMs: this.#options.rebalanceTimeoutMs,
        protocol: { name: PROTOCOL_NAME, metadata: encodeSubscription(topic, this.#owned) },
      }),
    );
    if (before) void this.#beatWhile(joining, before);
    const joined = await joining;
    const { memberId, generation, leaderId, members } = joined;
    this.#memberId = memberId;
    const leads = memberId === leaderId;
    const assignments = leads ? assignAll(topic, members, (await metadata.leaders(topic)).leaders.size) : [];
    const syncedAt = clock.monotonic();
    const synced = await this.#stepOfJoin(coordinator, 'syncGroup', (broker) =>
      broker.syncGroup({ groupId, generation, memberId }, assignments),
    );
    const membership = { coordinator, memberId, generation };
    const partitions = decodeAssignment(topic, synced);
    this.#membership = membership;
    this.#joined = true;
    this.#failures = 0;
    this.#stuck = 0;
    if (this.#leaving) return membership;
    this.#lastHeartbeatAt = syncedAt;
    this.#owned = { partitions, generation };
    this.#told = partitions;
    this.#parts.logger.info({ group: groupId, generation, partitions }, 'joined the group');
    this.#options.onAssignment(partitions, generation);
    return membership;
  }

  /** Part of a join, which takes as long as the rebalance does, but no longer. */
  async #stepOfJoin<Answer>(
    coordinator: BrokerAddress,
    api: 'joinGroup' | 'syncGroup',
    ask: (broker: BrokerConnection) => Promise<Answer>,
  ): Promise<Answer> {
    const { joins, metrics, logger } = this.#parts;
    const limitMs = this.#options.rebalanceTimeoutMs + STUCK_AFTER_MS;
    try {
      return await within(limitMs, joins.use(coordinator, api, ask));
    } catch (thrown) {
      if (!(thrown instanceof SilentError) || this.#leaving) throw thrown;
      this.#stuck++;
      metrics.restarted('group');
      logger.warn({ group: this.#options.groupId, api, silentMs: limitMs }, 'a rebalance is stuck; joining anew');
      joins.giveUp(coordinator);
      if (this.#stuck >= STUCK_JOINS_AS_SAME_MEMBER) this.#memberId = '';
      throw new RoomlogError('kafka_unreachable', 'The rebalance came to no end.', { cause: thrown });
    }
  }

  /** The coordinator moved or was away, but the session may live on: no need to disturb the others. */
  async #findAgain(membership: Membership): Promise<Membership> {
    this.#membership = { ...membership, coordinator: await this.#findCoordinator() };
    return this.#membership;
  }

  async #findCoordinator(): Promise<BrokerAddress> {
    const { groupId } = this.#options;
    const found = await this.#parts.metadata.anyBroker((address) =>
      this.#parts.beats.use(address, 'findCoordinator', (broker) => broker.findGroupCoordinator(groupId)),
    );
    this.#coordinator = found;
    return found;
  }

  /** Heartbeats until the broker says something else than yes, which is thrown. */
  async #beat(membership: Membership): Promise<void> {
    const { heartbeatIntervalMs } = this.#options;
    while (!this.#leaving) {
      // After a fault the first one is due at once.
      if (this.#failures === 0) await this.#pause.for(heartbeatIntervalMs);
      if (this.#leaving) return;
      await this.#heartbeat(membership);
      this.#failures = 0;
    }
  }

  async #heartbeat({ coordinator, memberId, generation }: Membership): Promise<void> {
    const { groupId } = this.#options;
    const sentAt = this.#parts.clock.monotonic();
    const heard = () => {
      if (!this.#leaving && this.#membership?.generation === generation) this.#lastHeartbeatAt = sentAt;
    };
    try {
      await this.#parts.beats.use(coordinator, 'heartbeat', (broker) =>
        broker.heartbeat({ groupId, memberId, generation }),
      );
      heard();
    } catch (thrown) {
      // The group still waits for its members: as long as it does, nobody else was given what this generation has.
      if (typeOf(thrown) === WAITING_FOR_MEMBERS) heard();
      throw thrown;
    }
  }

  /** A rebalance takes as long as its slowest member. Those that keep their partitions should not have to stop writing meanwhile. */
  async #beatWhile(joining: Promise<unknown>, membership: Membership): Promise<void> {
    let isOver = false;
    const over = () => {
      isOver = true;
    };
    joining.then(over, over);
    while (!isOver && !this.#leaving) {
      const stillWaiting = await this.#heartbeat(membership).then(
        () => true,
        (thrown) => typeOf(thrown) === WAITING_FOR_MEMBERS,
      );
      if (!stillWaiting) return;
      await pause(this.#options.heartbeatIntervalMs, undefined, { ref: false });
    }
  }
}
