/** A `Connection` of @platformatic/kafka behind the transport's interface. One socket carries all that is asked over it. */
import { setTimeout as wait } from 'node:timers/promises';
import {
  type Connection,
  createTopicsV3,
  findCoordinatorV2,
  heartbeatV3,
  joinGroupV5,
  leaveGroupV3,
  MultipleErrors,
  offsetCommitV5,
  type Reader,
  syncGroupV3,
  Writer,
} from '@platformatic/kafka';
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
import { API_KEYS, type WireRequest } from './wire/request.ts';

const GROUP_COORDINATOR = 0;
const PROTOCOL_TYPE = 'consumer';

/** No flexible versions are used, so headers have no tagged fields. */
const TAGGED = false;

export class PlatformaticConnection implements BrokerConnection {
  readonly #connection: Connection;
  readonly #given = new AbortController();
  /** performance.now() until which the broker does not want to hear more. */
  #throttledUntil = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** While it logs in again its requests have to wait, but it is as good as before. */
  get usable(): boolean {
    const { status } = this.#connection;
    return status === 'connected' || status === 'reauthenticating';
  }

  async ready(): Promise<void> {
    const heldBackMs = this.#throttledUntil - performance.now();
    try {
      if (heldBackMs > 0) await wait(heldBackMs, undefined, { signal: this.#given.signal });
      if (this.#connection.status === 'reauthenticating') await this.#connection.ready();
    } catch (cause) {
      throw new NotSentError('kafka_unreachable', undefined, { cause });
    }
  }

  async send<Answer>({ api, apiVersion, body, decode }: WireRequest<Answer>): Promise<Answer> {
    const answer = await this.#ask(
      () =>
        new Promise<ReturnType<typeof decode>>((resolve, reject) => {
          this.#connection.send(
            API_KEYS[api],
            apiVersion,
            () => Writer.create().append(body),
            (_id, _key, _version, reader: Reader) => decode(reader.buffer.slice(reader.position)),
            TAGGED,
            TAGGED,
            (error, result) => (error ? reject(error) : resolve(result as ReturnType<typeof decode>)),
          );
        }),
    );
    this.#throttle(answer.clientSideThrottleTime);
    return answer;
  }

  createTopic(wanted: NewTopic, timeoutMs: number): Promise<unknown> {
    const { topic: name, numPartitions, replicationFactor, configEntries } = wanted;
    const topic = { name, numPartitions, replicationFactor, assignments: [], configs: [...configEntries] };
    return this.#ask(() => createTopicsV3.api.async(this.#connection, [topic], timeoutMs, false));
  }

  async findGroupCoordinator(groupId: string): Promise<BrokerAddress> {
    const answer = await this.#ask(() => findCoordinatorV2.api.async(this.#connection, GROUP_COORDINATOR, [groupId]));
    const [found] = answer.coordinators;
    if (!found) throw new RangeError('the answer names no coordinator');
    return { nodeId: found.nodeId, host: found.host, port: found.port };
  }

  async joinGroup(request: JoinGroup): Promise<JoinedGroup> {
    const { groupId, sessionTimeoutMs, rebalanceTimeoutMs, protocol } = request;
    const join = async (memberId: string) => {
      const answer = await this.#ask(() =>
        joinGroupV5.api.async(
          this.#connection,
          groupId,
          sessionTimeoutMs,
          rebalanceTimeoutMs,
          memberId,
          null,
          PROTOCOL_TYPE,
          [protocol],
        ),
      );
      return {
        generation: answer.generationId,
        leaderId: answer.leader,
        memberId: answer.memberId,
        members: answer.members.map((member) => ({ memberId: member.memberId, metadata: member.metadata })),
      };
    };
    try {
      return await join(request.memberId);
    } catch (thrown) {
      // A new member is given its id and told to come again with it (KIP-394).
      const memberId = thrown instanceof MemberIdRequired ? thrown.memberId : null;
      if (memberId === null) throw thrown;
      return join(memberId);
    }
  }

  async syncGroup(
    { groupId, memberId, generation }: InGroup,
    assignments: ReadonlyArray<{ readonly memberId: string; readonly assignment: Buffer }>,
  ): Promise<Buffer> {
    const all = [...assignments];
    const answer = await this.#ask(() =>
      syncGroupV3.api.async(this.#connection, groupId, generation, memberId, null, null, null, all),
    );
    return answer.assignment;
  }

  heartbeat({ groupId, memberId, generation }: InGroup): Promise<unknown> {
    return this.#ask(() => heartbeatV3.api.async(this.#connection, groupId, generation, memberId, null));
  }

  leaveGroup(groupId: string, memberId: string): Promise<unknown> {
    return this.#ask(() => leaveGroupV3.api.async(this.#connection, groupId, [{ memberId, groupInstanceId: null }]));
  }

  commitOffsets(member: InGroup, topic: string, offsets: ReadonlyMap<number, number>): Promise<unknown> {
    const { groupId, memberId, generation } = member;
    const partitions = [...offsets].map(([partitionIndex, offset]) => ({
      partitionIndex,
      committedOffset: BigInt(offset),
      committedLeaderEpoch: -1,
      committedMetadata: null,
    }));
    const topics = [{ name: topic, partitions }];
    return this.#ask(() => offsetCommitV5.api.async(this.#connection, groupId, generation, memberId, null, topics));
  }

  discard(): void {
    this.#given.abort();
    endSocket(this.#connection);
  }

  /** A request that is handed over is written at once, so whether it left is known before. */
  async #ask<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    if (!this.usable) throw new NotSentError('kafka_unreachable', 'The connection was lost before.');
    try {
      return await ask();
    } catch (thrown) {
      throw refusalOf(thrown) ?? thrown;
    }
  }

  #throttle(ms: number): void {
    if (ms > 0) this.#throttledUntil = performance.now() + ms;
  }
}

/** At once, and with an error: only that ends an attempt to connect before its time-out. */
export function endSocket(connection: Connection): void {
  // There is none before the first attempt.
  (connection.socket as typeof connection.socket | undefined)?.destroy(new Error('the connection was given up'));
}

class MemberIdRequired extends BrokerRefusal {
  readonly memberId: string;

  constructor(memberId: string, cause: unknown) {
    super('MEMBER_ID_REQUIRED', { retriable: true, cause });
    this.memberId = memberId;
  }
}

/** Of the library's `ProtocolError`, what is used. */
interface ProtocolFault {
  readonly apiId?: string;
  readonly canRetry?: boolean;
  readonly serverErrorMessage?: string | null;
  readonly memberId?: string;
}

/** null where no broker said anything. */
function refusalOf(thrown: unknown): BrokerRefusal | null {
  if (!(thrown instanceof MultipleErrors)) return null;
  const { apiId, canRetry, serverErrorMessage, memberId } = (thrown.errors[0] ?? {}) as ProtocolFault;
  if (apiId === undefined) return null;
  if (apiId === 'MEMBER_ID_REQUIRED' && memberId) return new MemberIdRequired(memberId, thrown);
  return new BrokerRefusal(apiId, {
    ...(serverErrorMessage && { message: serverErrorMessage }),
    retriable: canRetry ?? false,
    cause: thrown,
  });
}
