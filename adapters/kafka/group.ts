/**
 * Membership of a consumer group that only decides who owns a partition: join, sync, heartbeats in their own rhythm, rejoin. It reads nothing.
 *
 * kafkajs's consumer sends heartbeats only between fetches, restarts itself in its own time and does not tell when a heartbeat was sent;
 * so only its requests are used.
 */
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { GroupMember, GroupOptions } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { backOffMs, Pause } from './back-off.ts';
import type { Connections } from './connection.ts';
import { assignAll, decodeAssignment, encodeSubscription, type Owned, PROTOCOL_NAME } from './group-protocol.ts';
import type { RawBroker } from './kafkajs-transport.ts';
import type { Metadata } from './metadata.ts';
import type { BrokerAddress } from './wire/metadata.ts';

export interface MemberParts {
  /** This member's own sockets; it closes them. */
  readonly connections: Connections;
  readonly metadata: Metadata;
  readonly clock: Clock;
  readonly logger: LogSink;
}

const GROUP_COORDINATOR = 0;
/** A leave that is not answered by then is left to the session time-out. */
const LEAVE_TIMEOUT_MS = 1_000;

/** kafkajs's names of the codes that a member has to act on. */
const REJOIN = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION']);
const FORGOTTEN = new Set(['UNKNOWN_MEMBER_ID', 'FENCED_INSTANCE_ID']);
const REFUSED = new Set([
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
  'INVALID_SESSION_TIMEOUT',
  'INVALID_GROUP_ID',
  'INCONSISTENT_GROUP_PROTOCOL',
  'GROUP_MAX_SIZE_REACHED',
]);

interface Membership {
  readonly coordinator: BrokerAddress;
  readonly memberId: string;
  readonly generation: number;
}

export class KafkaMember implements GroupMember {
  readonly #options: GroupOptions;
  readonly #parts: MemberParts;
  readonly #pause = new Pause();
  #membership: Membership | null = null;
  #memberId = '';
  /** Kept after a loss too: whoever comes back soon finds its partitions' state still warm. */
  #owned: Owned = { partitions: [], generation: -1 };
  #told: readonly Partition[] = [];
  #lastHeartbeatAt = Number.NEGATIVE_INFINITY;
  #commits: Map<Partition, Offset> | null = null;
  #committing = false;
  #running: Promise<void> | null = null;
  #leaving: Promise<void> | null = null;

  constructor(options: GroupOptions, parts: MemberParts) {
    this.#options = options;
    this.#parts = parts;
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
    this.#commits ??= new Map();
    for (const [partition, offset] of positions) this.#commits.set(partition, offset);
    if (!this.#committing) void this.#commitAll();
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave(): Promise<void> {
    const membership = this.#membership;
    const { groupId } = this.#options;
    this.#lastHeartbeatAt = Number.NEGATIVE_INFINITY;
    this.#pause.wake();
    if (membership) {
      const { memberId } = membership;
      const leaving = this.#use(membership.coordinator, (broker) => broker.leaveGroup({ groupId, memberId }));
      const timeout = new Pause();
      await Promise.race([leaving.catch(() => {}), timeout.for(LEAVE_TIMEOUT_MS)]);
      timeout.wake();
    }
    await this.#parts.connections.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    let failures = 0;
    while (!this.#leaving) {
      try {
        await this.#pause.for(backOffMs(failures));
        if (this.#leaving) return;
        const membership = await this.#join();
        failures = 0;
        await this.#beat(membership);
      } catch (thrown) {
        if (this.#leaving) return;
        failures = this.#afterFailure(thrown, failures);
      }
    }
  }

  /** The number of failures in a row, now. */
  #afterFailure(thrown: unknown, failures: number): number {
    const { type } = thrown as { type?: string };
    if (type && REJOIN.has(type)) {
      this.#parts.logger.debug({ group: this.#options.groupId }, 'the group rebalances');
      return failures;
    }
    this.#parts.logger.warn(
      { group: this.#options.groupId, reason: (thrown as Error).message },
      'group membership was interrupted',
    );
    if (type && FORGOTTEN.has(type)) {
      this.#memberId = '';
      this.#lose();
      return 0;
    }
    if (type && REFUSED.has(type)) {
      this.#lose();
      this.#options.onError(
        new RoomlogError('kafka_refused', `The group refused this member (${type}).`, { cause: thrown }),
      );
    }
    // The coordinator is away: until the session time-out has passed on its side nobody else gets the partitions.
    const silentMs = this.#parts.clock.monotonic() - this.#lastHeartbeatAt;
    if (silentMs >= this.#options.sessionTimeoutMs) this.#lose();
    const error = asRoomlogError(thrown, 'kafka_unreachable');
    if (error.code === 'topic_missing') this.#options.onError(error);
    return failures + 1;
  }

  #lose(): void {
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
    const joined = await this.#use(coordinator, (broker) =>
      broker.joinGroup({
        groupId,
        memberId: this.#memberId,
        sessionTimeout: this.#options.sessionTimeoutMs,
        rebalanceTimeout: this.#options.rebalanceTimeoutMs,
        groupProtocols: [{ name: PROTOCOL_NAME, metadata: encodeSubscription(topic, this.#owned) }],
      }),
    );
    const { memberId, generationId, leaderId, members } = joined;
    this.#memberId = memberId;
    const leads = memberId === leaderId;
    const groupAssignment = leads ? assignAll(topic, members, (await metadata.leaders(topic)).leaders.size) : [];
    const syncedAt = clock.monotonic();
    const synced = await this.#use(coordinator, (broker) =>
      broker.syncGroup({ groupId, generationId, memberId, groupAssignment }),
    );
    const membership = { coordinator, memberId, generation: generationId };
    const partitions = decodeAssignment(topic, synced.memberAssignment);
    this.#membership = membership;
    if (this.#leaving) return membership;
    this.#lastHeartbeatAt = syncedAt;
    this.#owned = { partitions, generation: generationId };
    this.#told = partitions;
    this.#parts.logger.info({ group: groupId, generation: generationId, partitions }, 'joined the group');
    this.#options.onAssignment(partitions, generationId);
    return membership;
  }

  async #findCoordinator(): Promise<BrokerAddress> {
    const { groupId } = this.#options;
    const found = await this.#parts.metadata.anyBroker((address) =>
      this.#use(address, (broker) => broker.findGroupCoordinator({ groupId, coordinatorType: GROUP_COORDINATOR })),
    );
    return found.coordinator;
  }

  /** Heartbeats until the broker says something else than yes, which is thrown. */
  async #beat({ coordinator, memberId, generation }: Membership): Promise<void> {
    const { groupId, heartbeatIntervalMs } = this.#options;
    const { clock } = this.#parts;
    while (!this.#leaving) {
      await this.#pause.for(heartbeatIntervalMs);
      if (this.#leaving) return;
      const sentAt = clock.monotonic();
      await this.#use(coordinator, (broker) => broker.heartbeat({ groupId, memberId, groupGenerationId: generation }));
      if (!this.#leaving) this.#lastHeartbeatAt = sentAt;
    }
  }

  async #commitAll(): Promise<void> {
    const { groupId, topic } = this.#options;
    this.#committing = true;
    while (this.#commits && this.#membership && !this.#leaving) {
      const partitions = [...this.#commits].map(([partition, offset]) => ({
        partition,
        offset: `${offset}`,
        metadata: null,
      }));
      this.#commits = null;
      const { coordinator, memberId, generation } = this.#membership;
      const request = { groupId, memberId, groupGenerationId: generation, topics: [{ topic, partitions }] };
      try {
        await this.#use(coordinator, (broker) => broker.offsetCommit(request));
      } catch (thrown) {
        // For lag displays only.
        this.#parts.logger.debug({ group: groupId, reason: (thrown as Error).message }, 'commit failed');
      }
    }
    this.#committing = false;
  }

  #use<Answer>(address: BrokerAddress, ask: (broker: RawBroker) => Promise<Answer>): Promise<Answer> {
    return this.#parts.connections.use(address, ask);
  }
}
