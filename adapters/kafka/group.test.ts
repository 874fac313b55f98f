/** What a member does by itself, with a coordinator that is played by functions. */
import { afterEach, expect, test, vi } from 'vitest';
import type { Partition } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Connections } from './connection.ts';
import { KafkaMember, STUCK_AFTER_MS } from './group.ts';
import { assignAll } from './group-protocol.ts';
import { noKafkaMetrics } from './kafka-metrics.ts';
import type { Metadata } from './metadata.ts';
import { type BrokerConnection, BrokerRefusal, type JoinGroup } from './transport.ts';

const REBALANCE_TIMEOUT_MS = 100;

class Coordinator {
  /** Of each kind of request, how many came. */
  readonly asked = new Map<string, number>();
  readonly memberIds: string[] = [];
  generation = 0;
  onJoin: () => Promise<unknown> = async () => {};
  onHeartbeat: () => Promise<unknown> = async () => {};
  #metadata: Buffer = Buffer.alloc(0);

  readonly broker = {
    findGroupCoordinator: async () => ({ nodeId: 1, host: 'broker', port: 1 }),
    joinGroup: async ({ memberId, protocol }: JoinGroup) => {
      this.memberIds.push(memberId);
      this.#count('join');
      await this.onJoin();
      this.#metadata = protocol.metadata;
      this.generation++;
      const id = memberId || `member-${this.memberIds.length}`;
      const members = [{ memberId: id, metadata: this.#metadata }];
      return { generation: this.generation, leaderId: id, memberId: id, members };
    },
    syncGroup: async ({ memberId }: { memberId: string }) =>
      assignAll('t', [{ memberId, metadata: this.#metadata }], 4)[0]?.assignment,
    heartbeat: async () => {
      this.#count('heartbeat');
      await this.onHeartbeat();
    },
    leaveGroup: async () => {},
  } as unknown as BrokerConnection;

  #count(kind: string): void {
    this.asked.set(kind, (this.asked.get(kind) ?? 0) + 1);
  }
}

const members: KafkaMember[] = [];
afterEach(async () => {
  await Promise.all(members.splice(0).map((member) => member.leave()));
});

function setup(coordinator: Coordinator, monotonic = () => performance.now()) {
  const told: Array<readonly Partition[]> = [];
  const restarts: string[] = [];
  const givenUp: number[] = [];
  const closed = Promise.withResolvers<never>();
  closed.promise.catch(() => {});
  const connections = {
    use: (_: unknown, __: string, ask: (broker: BrokerConnection) => unknown) =>
      Promise.race([ask(coordinator.broker), closed.promise]),
    giveUp: ({ nodeId }: { nodeId: number }) => void givenUp.push(nodeId),
    close: async () => closed.reject(new Error('closed')),
  } as unknown as Connections;
  const metadata = {
    anyBroker: (ask: (address: unknown) => unknown) => ask({ nodeId: 1, host: 'broker', port: 1 }),
    leaders: async () => ({ leaders: new Map([0, 1, 2, 3].map((p) => [p, null])) }),
  } as unknown as Metadata;
  const member = new KafkaMember(
    {
      groupId: 'g',
      topic: 't',
      sessionTimeoutMs: 1_000,
      heartbeatIntervalMs: 5,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      onAssignment: (partitions) => void told.push(partitions),
      onError: () => {},
    },
    {
      joins: connections,
      beats: connections,
      metadata,
      clock: { now: () => Date.now(), monotonic },
      logger: silentLog,
      metrics: { ...noKafkaMetrics, restarted: (what) => void restarts.push(what) },
      onLeft: () => {},
    },
  );
  members.push(member);
  member.start();
  return { member, told, restarts, givenUp };
}

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 10_000, interval: 5 });

test('a heartbeat counts from when it was sent, not from when it was answered', async () => {
  const coordinator = new Coordinator();
  let now = 100;
  const answered = Promise.withResolvers<void>();
  coordinator.onHeartbeat = () => answered.promise;
  const { member } = setup(coordinator, () => now);
  await eventually(() => expect(coordinator.asked.get('heartbeat')).toBe(1));
  expect(member.lastHeartbeatAt).toBe(100);
  now = 5_000;
  coordinator.onHeartbeat = () => new Promise(() => {});
  answered.resolve();
  await eventually(() => expect(coordinator.asked.get('heartbeat')).toBe(2));
  expect(member.lastHeartbeatAt).toBe(100);
});

test('a join counts from when its last step was sent', async () => {
  const coordinator = new Coordinator();
  let now = 100;
  coordinator.onHeartbeat = () => new Promise(() => {});
  coordinator.onJoin = async () => {
    now = 200;
  };
  const { member, told } = setup(coordinator, () => now);
  await eventually(() => expect(told).toEqual([[0, 1, 2, 3]]));
  expect(member.lastHeartbeatAt).toBe(200);
});

test(
  'a rebalance that comes to no end is left, and joined anew, as a new member if that does not help',
  async () => {
    const coordinator = new Coordinator();
    const { told, restarts, givenUp } = setup(coordinator);
    await eventually(() => expect(told).toEqual([[0, 1, 2, 3]]));
    coordinator.onJoin = () => (coordinator.asked.get('join') === 4 ? Promise.resolve() : new Promise(() => {}));
    coordinator.onHeartbeat = async () => {
      throw new BrokerRefusal(coordinator.asked.get('join') === 4 ? 'UNKNOWN_MEMBER_ID' : 'REBALANCE_IN_PROGRESS');
    };
    await eventually(() => expect(coordinator.asked.get('join')).toBeGreaterThanOrEqual(4));
    expect(restarts).toEqual(['group', 'group']);
    expect(givenUp).toEqual([1, 1]);
    expect(coordinator.memberIds.slice(0, 4)).toEqual(['', 'member-1', 'member-1', '']);
  },
  4 * (REBALANCE_TIMEOUT_MS + STUCK_AFTER_MS) + 10_000,
);

test('may go on writing while the group waits for its slowest member, and not once it has gone on without', async () => {
  const coordinator = new Coordinator();
  let now = 100;
  const { member, told } = setup(coordinator, () => now);
  await eventually(() => expect(told).toHaveLength(1));
  const slowest = Promise.withResolvers<void>();
  coordinator.onJoin = () => slowest.promise;
  coordinator.onHeartbeat = async () => {
    throw new BrokerRefusal('REBALANCE_IN_PROGRESS');
  };
  now = 200;
  await eventually(() => expect(coordinator.asked.get('join')).toBe(2));
  now = 300;
  await eventually(() => expect(member.lastHeartbeatAt).toBe(300));
  const beats = coordinator.asked.get('heartbeat') ?? 0;
  coordinator.onHeartbeat = async () => {
    throw new BrokerRefusal('ILLEGAL_GENERATION');
  };
  await eventually(() => expect(coordinator.asked.get('heartbeat')).toBeGreaterThan(beats));
  now = 400;
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(member.lastHeartbeatAt).toBe(300);
  coordinator.onHeartbeat = async () => {};
  slowest.resolve();
  await eventually(() => expect(told).toHaveLength(2));
});
