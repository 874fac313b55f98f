/** A broker as kafkajs 2.2.4 knows it, behind the transport's interface. */
import {
  type BrokerConnection,
  BrokerRefusal,
  type InGroup,
  type JoinedGroup,
  type JoinGroup,
  type NewTopic,
  NotSentError,
} from './transport.ts';
import type { BrokerAddress } from './wire/metadata.ts';
import { API_KEYS, type Throttled, type WireRequest } from './wire/request.ts';

/** One of the two sockets of a pool: 0 for everything, 1 for fetches. */
interface RawConnection {
  isConnected(): boolean;
  connect(): Promise<unknown>;
  disconnect(): Promise<unknown>;
  rejectRequests(error: Error): void;
}

/** kafkajs copies `buffer` behind its own header; `buf` is what it recognises an encoder by. */
interface EncodedBody {
  readonly buf: Buffer;
  readonly buffer: Buffer;
}

interface RawRequest<Answer> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<EncodedBody>;
  };
  readonly response: {
    /** `clientSideThrottleTime` makes kafkajs hold back as the broker asks. */
    decode(body: Buffer): Promise<Answer & Throttled>;
    parse(decoded: Answer): Promise<Answer>;
  };
  readonly logResponseError: boolean;
}

export interface RawConnectionPool {
  readonly pool: readonly RawConnection[];
  send<Answer>(request: RawRequest<Answer>): Promise<Answer>;
}

/** kafkajs's `Broker`, as far as it is used. */
export interface RawBroker {
  readonly connectionPool: RawConnectionPool;
  /** Opens socket 0, asks for the API versions, authenticates. */
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  createTopics(request: { topics: readonly NewTopic[]; timeout: number }): Promise<unknown>;
  findGroupCoordinator(request: { groupId: string; coordinatorType: number }): Promise<{ coordinator: BrokerAddress }>;
  joinGroup(request: {
    groupId: string;
    memberId: string;
    sessionTimeout: number;
    rebalanceTimeout: number;
    groupProtocols: ReadonlyArray<{ name: string; metadata: Buffer }>;
  }): Promise<{
    generationId: number;
    leaderId: string;
    memberId: string;
    members: ReadonlyArray<{ memberId: string; memberMetadata: Buffer }>;
  }>;
  syncGroup(request: {
    groupId: string;
    memberId: string;
    generationId: number;
    groupAssignment: ReadonlyArray<{ memberId: string; memberAssignment: Buffer }>;
  }): Promise<{ memberAssignment: Buffer }>;
  heartbeat(request: { groupId: string; memberId: string; groupGenerationId: number }): Promise<unknown>;
  leaveGroup(request: { groupId: string; memberId: string }): Promise<unknown>;
  offsetCommit(request: {
    groupId: string;
    memberId: string;
    groupGenerationId: number;
    topics: ReadonlyArray<{
      topic: string;
      partitions: ReadonlyArray<{ partition: number; offset: string; metadata: null }>;
    }>;
  }): Promise<unknown>;
}

const GROUP_COORDINATOR = 0;
const FETCH_SOCKET = 1;

export class KafkajsConnection implements BrokerConnection {
  readonly #broker: RawBroker;
  #openingFetchSocket: Promise<unknown> | null = null;
  #hasFetchSocket = false;

  constructor(broker: RawBroker) {
    this.#broker = broker;
  }

  /** As far as it ever was open: the fetch socket is opened by the first fetch. */
  get usable(): boolean {
    const [socket, fetchSocket] = this.#broker.connectionPool.pool;
    return (socket?.isConnected() ?? false) && (!this.#hasFetchSocket || (fetchSocket?.isConnected() ?? false));
  }

  /** kafkajs would open the second socket twice if two fetches came at once. */
  async ready(api: string): Promise<void> {
    if (api !== 'fetch') return;
    const socket = this.#broker.connectionPool.pool[FETCH_SOCKET];
    if (!socket || socket.isConnected()) return;
    this.#openingFetchSocket ??= socket.connect();
    try {
      await this.#openingFetchSocket;
      this.#hasFetchSocket = true;
    } catch (cause) {
      throw new NotSentError('kafka_unreachable', undefined, { cause });
    }
  }

  send<Answer>({ api, apiVersion, body, decode }: WireRequest<Answer>): Promise<Answer> {
    return translated(() =>
      this.#broker.connectionPool.send<Answer>({
        request: {
          apiKey: API_KEYS[api],
          apiVersion,
          // By this name kafkajs knows what goes over the second socket.
          apiName: api === 'fetch' ? 'Fetch' : api,
          encode: async () => ({ buf: body, buffer: body }),
        },
        response: { decode: async (bytes) => decode(bytes), parse: async (decoded) => decoded },
        logResponseError: false,
      }),
    );
  }

  createTopic(topic: NewTopic, timeout: number): Promise<unknown> {
    return translated(() => this.#broker.createTopics({ topics: [topic], timeout }));
  }

  async findGroupCoordinator(groupId: string): Promise<BrokerAddress> {
    const request = { groupId, coordinatorType: GROUP_COORDINATOR };
    return (await translated(() => this.#broker.findGroupCoordinator(request))).coordinator;
  }

  async joinGroup(request: JoinGroup): Promise<JoinedGroup> {
    const { groupId, memberId, sessionTimeoutMs, rebalanceTimeoutMs, protocol } = request;
    const joined = await translated(() =>
      this.#broker.joinGroup({
        groupId,
        memberId,
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: rebalanceTimeoutMs,
        groupProtocols: [protocol],
      }),
    );
    return {
      generation: joined.generationId,
      leaderId: joined.leaderId,
      memberId: joined.memberId,
      members: joined.members.map((member) => ({ memberId: member.memberId, metadata: member.memberMetadata })),
    };
  }

  async syncGroup(
    { groupId, memberId, generation }: InGroup,
    assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Buffer }>,
  ): Promise<Buffer> {
    const groupAssignment = assignments.map((a) => ({ memberId: a.memberId, memberAssignment: a.assignment }));
    const request = { groupId, memberId, generationId: generation, groupAssignment };
    return (await translated(() => this.#broker.syncGroup(request))).memberAssignment;
  }

  heartbeat({ groupId, memberId, generation }: InGroup): Promise<unknown> {
    return translated(() => this.#broker.heartbeat({ groupId, memberId, groupGenerationId: generation }));
  }

  leaveGroup(groupId: string, memberId: string): Promise<unknown> {
    return translated(() => this.#broker.leaveGroup({ groupId, memberId }));
  }

  commitOffsets(member: InGroup, topic: string, offsets: ReadonlyMap<number, number>): Promise<unknown> {
    const { groupId, memberId, generation } = member;
    const partitions = [...offsets].map(([partition, offset]) => ({ partition, offset: `${offset}`, metadata: null }));
    const topics = [{ topic, partitions }];
    return translated(() => this.#broker.offsetCommit({ groupId, memberId, groupGenerationId: generation, topics }));
  }

  discard(): void {
    for (const connection of this.#broker.connectionPool.pool) {
      connection.rejectRequests(new Error('the connection was given up'));
    }
    this.#broker.disconnect().catch(() => {});
  }
}

/** kafkajs's errors as the transport's. */
async function translated<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  try {
    return await ask();
  } catch (cause) {
    // It is thrown before anything is handed to a socket.
    if (cause instanceof Error && cause.message === 'Not connected') {
      throw new NotSentError('kafka_unreachable', 'The connection was lost before.', { cause });
    }
    throw refusalOf(cause) ?? cause;
  }
}

/** null where no broker said anything. */
function refusalOf(thrown: unknown): BrokerRefusal | null {
  const { name, type, retriable, message, errors } = thrown as Partial<{
    name: string;
    type: string;
    retriable: boolean;
    message: string;
    errors: unknown[];
  }>;
  // An aggregate holds a refusal for each topic.
  if (Array.isArray(errors)) return refusalOf(errors[0]);
  if (typeof type !== 'string' || name === 'KafkaJSConnectionError' || name === 'KafkaJSRequestTimeoutError')
    return null;
  return new BrokerRefusal(type, {
    ...(message !== undefined && { message }),
    ...(retriable !== undefined && { retriable }),
    cause: thrown,
  });
}
