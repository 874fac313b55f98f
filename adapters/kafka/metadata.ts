/** Which broker leads which partition: asked for when needed, kept until told stale or too old, shared by all parts of one log. */
import type { Config } from '../../core/config/schema.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Connections } from './connection.ts';
import { brokerError, CODES } from './wire/error-codes.ts';
import { type BrokerAddress, type MetadataAnswer, metadataRequest } from './wire/metadata.ts';

/** One topic's leaders; null where a partition has none just now. */
export interface TopicLeaders {
  readonly topic: string;
  readonly leaders: ReadonlyMap<Partition, BrokerAddress | null>;
  /** Clock.monotonic() of the question. */
  readonly askedAt: number;
}

/** A broker that just failed is asked last for this long. */
const SUSPECT_MS = 10_000;

export class Metadata {
  readonly #config: Config['kafka'];
  readonly #connections: Connections;
  readonly #clock: Clock;
  readonly #topics = new Map<string, TopicLeaders>();
  readonly #asking = new Map<string, Promise<TopicLeaders>>();
  readonly #suspects = new Map<string, number>();
  #brokers: readonly BrokerAddress[] = [];

  constructor(config: Config['kafka'], connections: Connections, clock: Clock) {
    this.#config = config;
    this.#connections = connections;
    this.#clock = clock;
  }

  /** What is known without waiting; undefined where nothing is, or it is stale. What is old is renewed behind the caller's back. */
  known(topic: string): TopicLeaders | undefined {
    const known = this.#topics.get(topic);
    // Nobody on the hot path should wait for this. A failure leaves the old knowledge, which fails by itself if it is wrong.
    if (known && this.#clock.monotonic() - known.askedAt >= this.#config.metadataMaxAgeMs)
      this.refresh(topic).catch(() => {});
    return known;
  }

  /** Known, or asked for once. Throws `topic_missing`, `kafka_unreachable`, `kafka_refused`. */
  async leaders(topic: string): Promise<TopicLeaders> {
    return this.known(topic) ?? this.refresh(topic);
  }

  /** Something said that the leaders changed: the next `leaders` asks. */
  markStale(topic: string): void {
    this.#topics.delete(topic);
  }

  /** Asks now; callers at the same time share one question. */
  refresh(topic: string): Promise<TopicLeaders> {
    const asking = this.#asking.get(topic);
    if (asking) return asking;
    const question = this.#ask(topic).finally(() => this.#asking.delete(topic));
    this.#asking.set(topic, question);
    return question;
  }

  /** Any broker's answer to `ask`, tried one after the other, known ones first. Throws the last failure. */
  async anyBroker<Answer>(ask: (address: BrokerAddress) => Promise<Answer>): Promise<Answer> {
    let failure: unknown = new RoomlogError('kafka_unreachable');
    for (const address of this.#candidates()) {
      try {
        return await ask(address);
      } catch (error) {
        // A refusal is an answer: another broker would say the same.
        if (!(error instanceof RoomlogError) || error.code !== 'kafka_unreachable') throw error;
        failure = error;
        this.suspect(address);
      }
    }
    throw failure;
  }

  suspect(address: BrokerAddress): void {
    this.#suspects.set(`${address.host}:${address.port}`, this.#clock.monotonic() + SUSPECT_MS);
  }

  async #ask(topic: string): Promise<TopicLeaders> {
    const askedAt = this.#clock.monotonic();
    const answer = await this.describe([topic]);
    const found = answer.topics.find((t) => t.topic === topic);
    if (!found || found.errorCode === CODES.unknownTopicOrPartition || found.errorCode === CODES.invalidTopic) {
      throw new RoomlogError('topic_missing', undefined, { details: { topic } });
    }
    if (found.errorCode === CODES.topicAuthorizationFailed)
      throw brokerError('kafka_refused', found.errorCode, { topic });
    // LEADER_NOT_AVAILABLE and the like: the topic is just being made, or all its brokers are away.
    if (found.errorCode !== CODES.none) throw brokerError('kafka_unreachable', found.errorCode, { topic });
    const byNode = new Map(answer.brokers.map((b) => [b.nodeId, b]));
    const leaders: TopicLeaders = {
      topic,
      askedAt,
      leaders: new Map(found.partitions.map((p) => [p.partition as Partition, byNode.get(p.leader) ?? null])),
    };
    this.#topics.set(topic, leaders);
    return leaders;
  }

  /** The raw answer of any broker. Throws `kafka_unreachable`. */
  async describe(topics: readonly string[]): Promise<MetadataAnswer> {
    const answer = await this.anyBroker((address) => this.#connections.send(address, metadataRequest(topics)));
    if (answer.brokers.length > 0) this.#brokers = answer.brokers;
    return answer;
  }

  #candidates(): BrokerAddress[] {
    const now = this.#clock.monotonic();
    const seen = new Set<string>();
    const trusted: BrokerAddress[] = [];
    const suspected: BrokerAddress[] = [];
    for (const address of [...shuffled(this.#brokers), ...shuffled(this.#config.brokers.map(parseAddress))]) {
      const key = `${address.host}:${address.port}`;
      if (seen.has(key)) continue;
      seen.add(key);
      ((this.#suspects.get(key) ?? 0) > now ? suspected : trusted).push(address);
    }
    return [...trusted, ...suspected];
  }
}

/** `host:port`, with IPv6 hosts in brackets. */
export function parseAddress(text: string): BrokerAddress {
  const colon = text.lastIndexOf(':');
  const port = Number(text.slice(colon + 1));
  if (colon < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new RoomlogError('config_invalid', `kafka.brokers: "${text}" is not host:port.`);
  }
  return { nodeId: -1, host: text.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port };
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
