/** The log port on Apache Kafka. Who speaks to which broker over which socket stands in connection.ts. */
import { setTimeout as wait } from 'node:timers/promises';
import type { Config } from '../../core/config/schema.ts';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { type Clock, systemClock } from '../../core/ports/clock.ts';
import type {
  AppendBatch,
  AppendOutcome,
  EventLog,
  GroupMember,
  GroupOptions,
  LogRecord,
  OffsetRange,
  RangeOptions,
  Tail,
  TailOptions,
} from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import { Appender } from './append.ts';
import { loadClient } from './clients.ts';
import { Connections } from './connection.ts';
import { KafkaMember } from './group.ts';
import { type KafkaMetrics, noKafkaMetrics } from './kafka-metrics.ts';
import { Metadata } from './metadata.ts';
import { Offsets } from './offsets.ts';
import { readRange } from './range.ts';
import { Reachability } from './reachability.ts';
import { KafkaTail } from './tail.ts';
import type { CreateTransport } from './transport.ts';

export interface OpenKafkaLogOptions {
  readonly logger: LogSink;
  /** Default: nothing is counted. */
  readonly metrics?: KafkaMetrics;
  /** Shown in the brokers' logs. Default: `kafka.clientId`. */
  readonly clientId?: string;
  readonly clock?: Clock;
  /**
   * `now` (default): throws `kafka_unreachable` if no broker answers within `kafka.requestTimeoutMs`. `background`: returns at once;
   * connections are made when something is asked.
   */
  readonly connect?: 'now' | 'background';
}

const CONNECT_RETRY_MS = 250;
/** Silence beyond what a broker may hold an empty fetch back. */
const SILENCE_MS = 3_000;

export async function openKafkaLog(config: Config, options: OpenKafkaLogOptions): Promise<KafkaLog> {
  const log = new KafkaLog(config.kafka, await loadClient(config.kafka.client), options);
  if (options.connect === 'background') return log;
  try {
    await log.awaitBroker(config.kafka.requestTimeoutMs);
  } catch (error) {
    await log.close();
    throw error;
  }
  return log;
}

export class KafkaLog implements EventLog {
  readonly #config: Config['kafka'];
  readonly #createTransport: CreateTransport;
  readonly #clock: Clock;
  readonly #logger: LogSink;
  readonly #clientId: string;
  readonly #metrics: KafkaMetrics;
  readonly #reachability: Reachability;
  readonly #questions: Connections;
  readonly #reads: Connections;
  readonly #appends: Connections;
  readonly #metadata: Metadata;
  readonly #offsets: Offsets;
  readonly #appender: Appender;
  readonly #tails = new Set<KafkaTail>();
  readonly #members = new Set<KafkaMember>();
  #closed = false;

  constructor(config: Config['kafka'], createTransport: CreateTransport, options: OpenKafkaLogOptions) {
    this.#config = config;
    this.#createTransport = createTransport;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger;
    this.#clientId = options.clientId ?? config.clientId;
    this.#metrics = options.metrics ?? noKafkaMetrics;
    this.#metrics.runsOn(config.client);
    this.#metrics.openTransactions(() => [...this.#tails].flatMap((tail) => tail.openTransactions));
    this.#reachability = new Reachability(this.#clock, config.maxWaitMs + SILENCE_MS);
    // Questions are short; a broker that hangs must not keep leaders from being found for long.
    this.#questions = this.#connections(Math.min(config.requestTimeoutMs, config.connectionTimeoutMs));
    this.#reads = this.#connections(config.requestTimeoutMs);
    this.#appends = this.#connections(config.requestTimeoutMs);
    this.#metadata = new Metadata(config, this.#questions, this.#clock);
    this.#offsets = new Offsets(this.#metadata, this.#questions);
    const { requestTimeoutMs } = config;
    this.#appender = new Appender(this.#metadata, this.#appends, this.#clock, requestTimeoutMs, (...sending) => {
      for (const tail of this.#tails) tail.sending(...sending);
    });
  }

  /** Resolves when any broker has answered. Throws `kafka_unreachable` after `timeoutMs`. */
  async awaitBroker(timeoutMs: number): Promise<void> {
    const until = this.#clock.monotonic() + timeoutMs;
    for (;;) {
      try {
        await this.#metadata.describe([]);
        return;
      } catch (error) {
        if (this.#closed || this.#clock.monotonic() >= until) throw asRoomlogError(error, 'kafka_unreachable');
        await wait(CONNECT_RETRY_MS);
      }
    }
  }

  async partitionCount(topic: string): Promise<number> {
    this.#mustBeOpen();
    return (await this.#metadata.leaders(topic)).leaders.size;
  }

  async ranges(topic: string, partitions?: readonly Partition[]): Promise<Map<Partition, OffsetRange>> {
    this.#mustBeOpen();
    return this.#offsets.ranges(topic, partitions);
  }

  async offsetsAt(topic: string, timeMs: number, partitions?: readonly Partition[]): Promise<Map<Partition, Offset>> {
    this.#mustBeOpen();
    return this.#offsets.at(topic, timeMs, partitions);
  }

  append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
    return this.#appender.append(topic, batches);
  }

  tail(options: TailOptions): Tail {
    this.#mustBeOpen();
    const tail: KafkaTail = new KafkaTail(options, {
      connections: this.#connections(this.#config.requestTimeoutMs),
      metadata: this.#metadata,
      offsets: this.#offsets,
      clock: this.#clock,
      logger: this.#logger,
      maxWaitMs: this.#config.maxWaitMs,
      stallMs: (options.maxWaitMs ?? this.#config.maxWaitMs) + SILENCE_MS,
      partitionBytes: this.#config.fetchPartitionBytes,
      requestTimeoutMs: this.#config.requestTimeoutMs,
      metrics: this.#metrics,
      onStopped: () => this.#tails.delete(tail),
    });
    this.#tails.add(tail);
    return tail;
  }

  readRange(options: RangeOptions): AsyncIterable<readonly LogRecord[]> {
    this.#mustBeOpen();
    return readRange(options, {
      connections: this.#reads,
      metadata: this.#metadata,
      offsets: this.#offsets,
      clock: this.#clock,
      fetchBytes: this.#config.fetchPartitionBytes,
      metrics: this.#metrics,
    });
  }

  async joinGroup(options: GroupOptions): Promise<GroupMember> {
    this.#mustBeOpen();
    const member: KafkaMember = new KafkaMember(options, {
      // A join is answered only when all members have joined.
      joins: this.#connections(options.rebalanceTimeoutMs + this.#config.requestTimeoutMs),
      // A coordinator that hangs must be left while there is time to find the next one.
      beats: this.#connections(Math.min(this.#config.requestTimeoutMs, Math.ceil(options.sessionTimeoutMs / 3))),
      metadata: this.#metadata,
      clock: this.#clock,
      logger: this.#logger,
      metrics: this.#metrics,
      onLeft: () => this.#members.delete(member),
    });
    this.#members.add(member);
    member.start();
    return member;
  }

  reachable(): boolean {
    return this.#reachability.reachable;
  }

  async close(): Promise<void> {
    this.#closed = true;
    // All at once: nobody waits for an answer that another's closing has made impossible.
    await Promise.all([
      ...[...this.#members].map((member) => member.leave()),
      ...[...this.#tails].map((tail) => tail.stop()),
      ...[this.#questions, this.#reads, this.#appends].map((connections) => connections.close()),
    ]);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new RoomlogError('kafka_unreachable', 'The log was closed.');
  }

  #connections(requestTimeoutMs: number): Connections {
    return new Connections({
      createTransport: this.#createTransport,
      config: this.#config,
      clientId: this.#clientId,
      logger: this.#logger,
      reachability: this.#reachability,
      metrics: this.#metrics,
      requestTimeoutMs,
    });
  }
}
