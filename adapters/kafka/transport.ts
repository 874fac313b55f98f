/**
 * What the log needs of a Kafka client: a connection to one broker, over which requests of ours go as they are, and the few requests of
 * groups and topics that every client has. Leaders, retries, offsets, batches and their judgement are not a client's business here.
 * Implementations: `kafkajs-transport.ts`, `platformatic-transport.ts`; chosen by `kafka.client` in `clients.ts`.
 */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { BrokerAddress } from './wire/metadata.ts';
import type { WireRequest } from './wire/request.ts';

/** Thrown where a request surely never left: nothing of it can have been done. */
export class NotSentError extends RoomlogError {}

/** The broker answered, and its answer to the whole request is no. */
export class BrokerRefusal extends Error {
  /** Kafka's name of the code, as `REBALANCE_IN_PROGRESS`. */
  readonly type: string;
  readonly retriable: boolean;

  constructor(type: string, options: { message?: string; retriable?: boolean; cause?: unknown } = {}) {
    super(options.message ?? type, { cause: options.cause });
    this.type = type;
    this.retriable = options.retriable ?? false;
  }
}

export interface NewTopic {
  readonly topic: string;
  readonly numPartitions: number;
  readonly replicationFactor: number;
  readonly configEntries: ReadonlyArray<{ name: string; value: string }>;
}

export interface JoinGroup {
  readonly groupId: string;
  /** Empty for a new member. */
  readonly memberId: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocol: { readonly name: string; readonly metadata: Buffer };
}

export interface JoinedGroup {
  readonly generation: number;
  readonly leaderId: string;
  readonly memberId: string;
  /** Empty for all but the leader. */
  readonly members: ReadonlyArray<{ readonly memberId: string; readonly metadata: Buffer }>;
}

/** A member in a generation. */
export interface InGroup {
  readonly groupId: string;
  readonly memberId: string;
  readonly generation: number;
}

/**
 * A connection to one broker, authenticated. Every request goes out once and is never repeated. What is thrown:
 * `NotSentError` where it surely did not leave, `BrokerRefusal` where the broker said no to all of it, anything else where no answer came
 * or it could not be read; after that the connection must be given up.
 */
export interface BrokerConnection {
  /** False once the broker or a failure has ended it. */
  readonly usable: boolean;
  /** Waits for all that a request of this kind needs before it can leave. */
  ready(api: string): Promise<void>;
  send<Answer>(request: WireRequest<Answer>): Promise<Answer>;
  createTopic(topic: NewTopic, timeoutMs: number): Promise<unknown>;
  findGroupCoordinator(groupId: string): Promise<BrokerAddress>;
  joinGroup(request: JoinGroup): Promise<JoinedGroup>;
  /** `assignments` come from the leader only. Returns this member's own. */
  syncGroup(
    member: InGroup,
    assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Buffer }>,
  ): Promise<Buffer>;
  heartbeat(member: InGroup): Promise<unknown>;
  leaveGroup(groupId: string, memberId: string): Promise<unknown>;
  commitOffsets(member: InGroup, topic: string, offsets: ReadonlyMap<number, number>): Promise<unknown>;
  /** Fails what still waits, and ends the sockets without waiting for them. */
  discard(): void;
}

export interface Transport {
  /** Connects and logs in. */
  open(address: BrokerAddress): Promise<BrokerConnection>;
  /** Ends every socket at once, half-open ones too. */
  destroySockets(): void;
}

export interface TransportOptions {
  readonly clientId: string;
  readonly logger: LogSink;
  /** An answer later than this is a failure. */
  readonly requestTimeoutMs: number;
}

export type CreateTransport = (config: Config['kafka'], options: TransportOptions) => Transport;

/** Sockets that say nothing are probed this often, so that a vanished broker is noticed. */
export const KEEP_ALIVE_MS = 30_000;
