/**
 * One try to append, with acks=all. What became of it is judged per partition and pessimistically: `appended` and `not_appended` are
 * said only where the broker's answer (or the lack of any request) proves it.
 */
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type AppendBatch, type AppendOutcome, type AppendRecord, heldBack } from '../../core/ports/event-log.ts';
import type { Connections } from './connection.ts';
import type { Metadata, TopicLeaders } from './metadata.ts';
import { NotSentError } from './transport.ts';
import { encodeBatch } from './wire/encode-batch.ts';
import { brokerError, CODES } from './wire/error-codes.ts';
import type { BrokerAddress } from './wire/metadata.ts';
import { type ProducedPartition, produceRequest } from './wire/produce.ts';

/** The broker should give up before this side does, so that an answer tells more than silence. */
const BROKER_HEAD_START = 0.8;

const TOO_LARGE: ReadonlySet<number> = new Set([CODES.messageTooLarge, CODES.recordListTooLarge]);

/** The same request will be answered the same way. */
const REFUSED: ReadonlySet<number> = new Set([
  CODES.invalidTopic,
  CODES.invalidRequiredAcks,
  CODES.topicAuthorizationFailed,
  CODES.clusterAuthorizationFailed,
  CODES.invalidTimestamp,
  CODES.unsupportedVersion,
  CODES.invalidRequest,
  CODES.unsupportedForMessageFormat,
  CODES.policyViolation,
  CODES.transactionalIdAuthorizationFailed,
  CODES.unsupportedCompressionType,
  CODES.invalidRecord,
]);

/**
 * Said before the local append. But a leader that loses its role while it waits for replicas says NOT_LEADER_OR_FOLLOWER too, after the
 * append; then it names the base offset (Kafka's DelayedProduce changes only the code of the answer it had prepared).
 */
const BEFORE_APPEND: ReadonlySet<number> = new Set([
  CODES.corruptMessage,
  CODES.unknownTopicOrPartition,
  CODES.leaderNotAvailable,
  CODES.notLeaderOrFollower,
  CODES.replicaNotAvailable,
  CODES.notEnoughReplicas,
  CODES.fencedLeaderEpoch,
  CODES.unknownLeaderEpoch,
]);

/** Told of each batch as it is encoded, just before its request is sent. */
export type OnSending = (topic: string, partition: Partition, batch: Buffer, records: readonly AppendRecord[]) => void;

export class Appender {
  readonly #metadata: Metadata;
  readonly #connections: Connections;
  readonly #clock: Clock;
  readonly #brokerTimeoutMs: number;
  readonly #onSending: OnSending;

  constructor(
    metadata: Metadata,
    connections: Connections,
    clock: Clock,
    requestTimeoutMs: number,
    onSending: OnSending = () => {},
  ) {
    this.#onSending = onSending;
    this.#metadata = metadata;
    this.#connections = connections;
    this.#clock = clock;
    this.#brokerTimeoutMs = Math.ceil(requestTimeoutMs * BROKER_HEAD_START);
  }

  async append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
    let topicLeaders: TopicLeaders;
    try {
      topicLeaders = await this.#leadersFor(topic, batches);
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'kafka_unreachable');
      const status = error.code === 'kafka_unreachable' ? 'not_appended' : 'refused';
      return batches.map(({ partition }) => ({ partition, status, error }));
    }
    const outcomes = new Map<Partition, AppendOutcome>();
    const groups = new Map<number, { leader: BrokerAddress; batches: AppendBatch[] }>();
    for (const batch of batches) {
      const { partition } = batch;
      const leader = topicLeaders.leaders.get(partition);
      if (leader) {
        const group = groups.get(leader.nodeId) ?? { leader, batches: [] };
        group.batches.push(batch);
        groups.set(leader.nodeId, group);
        continue;
      }
      const details = { topic, partition };
      if (leader === null) {
        const error = new RoomlogError('kafka_unreachable', 'The partition has no leader.', { details });
        outcomes.set(partition, { partition, status: 'not_appended', error });
        this.#metadata.markStale(topic);
      } else {
        const error = new RoomlogError('topic_missing', undefined, { details });
        outcomes.set(partition, { partition, status: 'refused', error });
      }
    }
    await Promise.all([...groups.values()].map((g) => this.#appendAt(g.leader, topic, g.batches, outcomes)));
    return batches.map(({ partition }) => outcomes.get(partition) as AppendOutcome);
  }

  /** Asks again where a partition's leader is not known, so that a healed leader is found by the next try. */
  async #leadersFor(topic: string, batches: readonly AppendBatch[]): Promise<TopicLeaders> {
    const known = this.#metadata.known(topic);
    if (known && batches.every(({ partition }) => known.leaders.get(partition))) return known;
    return this.#metadata.refresh(topic);
  }

  async #appendAt(
    leader: BrokerAddress,
    topic: string,
    batches: readonly AppendBatch[],
    outcomes: Map<Partition, AppendOutcome>,
  ): Promise<void> {
    let sent: readonly AppendBatch[] = batches;
    let answered: ReadonlyMap<number, ProducedPartition>;
    try {
      const answer = await this.#connections.sendLate(
        leader,
        () => {
          sent = batches.filter(({ partition, mayLeave }) => {
            const leaves = mayLeave?.() !== false;
            // Made only here: an error remembers its stack, which costs as much as sending several records.
            if (!leaves) outcomes.set(partition, heldBack(partition));
            return leaves;
          });
          if (sent.length === 0) return null;
          const now = this.#clock.now();
          const encoded = sent.map(({ partition, records }) => {
            const batch = encodeBatch(records, now);
            this.#onSending(topic, partition, batch, records);
            return { partition, batch };
          });
          return produceRequest(topic, encoded, this.#brokerTimeoutMs);
        },
        'produce',
      );
      if (answer === null) return;
      answered = new Map(answer.partitions.map((p) => [p.partition, p]));
    } catch (thrown) {
      this.#metadata.markStale(topic);
      this.#metadata.suspect(leader);
      const status = thrown instanceof NotSentError ? 'not_appended' : 'unknown';
      const error = asRoomlogError(thrown, 'kafka_unreachable');
      for (const { partition } of sent) outcomes.set(partition, { partition, status, error });
      return;
    }
    for (const { partition } of sent) {
      const outcome = judge(topic, partition, answered.get(partition));
      outcomes.set(partition, outcome);
      if (outcome.status === 'not_appended' || outcome.status === 'unknown') this.#metadata.markStale(topic);
    }
  }
}

/** What a broker's answer for one partition proves. */
export function judge(topic: string, partition: Partition, answer: ProducedPartition | undefined): AppendOutcome {
  const details = { topic, partition };
  if (!answer) {
    const error = new RoomlogError('kafka_unreachable', 'The answer left the partition out.', { details });
    return { partition, status: 'unknown', error };
  }
  const { errorCode: code, baseOffset } = answer;
  if (code === CODES.none) return { partition, status: 'appended', baseOffset: baseOffset as Offset };
  if (TOO_LARGE.has(code)) return { partition, status: 'refused', error: brokerError('too_large', code, details) };
  if (REFUSED.has(code)) return { partition, status: 'refused', error: brokerError('kafka_refused', code, details) };
  const error = brokerError('kafka_unreachable', code, details);
  return { partition, status: BEFORE_APPEND.has(code) && baseOffset < 0 ? 'not_appended' : 'unknown', error };
}
