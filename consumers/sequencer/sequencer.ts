/**
 * All partitions of one sequencer process: the group says which are ours, two tails feed them, a ticker lets time count.
 * Knows no process, port or file, so that tests run two of them against one memory log.
 */
import { randomBytes } from 'node:crypto';
import { Alarms } from '../../core/alarms.ts';
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { systemClock } from '../../core/ports/clock.ts';
import type { GroupMember, LogRecord, Tail, TailProgress } from '../../core/ports/event-log.ts';
import { patiently } from '../patience.ts';
import { Canaries } from './canaries.ts';
import type { SequencerContext } from './context.ts';
import { DeadLetters } from './dead-letters.ts';
import { noMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { Pace } from './pace.ts';
import { type PartitionReport, PartitionSequencer, type PartitionTails } from './partition.ts';
import { Share } from './share.ts';
import { StreamIdentity } from './stream-id.ts';
import { Tenure } from './tenure.ts';
import { Turns } from './turns.ts';

/** How often time is looked at: retries, fences, stale heartbeats. */
const TICK_MS = 50;
/** How often positions are published for lag displays. */
const COMMIT_EVERY_MS = 1_000;
/** How often it is looked at which partitions are busy. */
const DIVIDE_EVERY_MS = 1_000;
/** How long `stop` goes on working to have snapshots written, so that the next owner has little to read. */
const STOP_SNAPSHOTS_MS = 1_000;
/** How long `stop` waits for what is in flight before the group is left all the same. */
const STOP_GRACE_MS = 1_000;
/** Bytes per partition and fetch: decoding and folding them fits into a few slices of the loop. */
const FETCH_BYTES = 262_144;
/** What of inbound is decoded at a time: the rest waits as bytes, which cost the collector nothing. */
const SLICE_RECORDS = 128;

export type SequencerOptions = Pick<SequencerContext, 'log' | 'codec' | 'topics' | 'partitions' | 'config' | 'logger'> &
  Partial<Pick<SequencerContext, 'metrics' | 'clock' | 'random' | 'outboundRetentionMs' | 'alarms'>> & {
    /** The consumer group that shares the partitions. */
    readonly groupId: string;
    /** Told once a second whether very many records came (`Share.divideByLoad`). */
    readonly onBusy?: (isBusy: boolean) => void;
  };

export interface SequencerReport {
  readonly joined: boolean;
  readonly generation: number;
  readonly streamId: string | null;
  readonly owned: readonly Partition[];
  readonly partitions: readonly PartitionReport[];
}

export class Sequencer {
  readonly #options: SequencerOptions;
  readonly #context: SequencerContext;
  readonly #tails: PartitionTails;
  readonly #partitions = new Map<Partition, PartitionSequencer>();
  readonly #tenures = new Map<Partition, Tenure>();
  #member: GroupMember | null = null;
  /** An assignment can come before `joinGroup` has handed over the member. */
  #early: { readonly partitions: readonly Partition[]; readonly generation: number } | null = null;
  #generation = -1;
  #ticker: NodeJS.Timeout | null = null;
  #committedAt = 0;
  #dividedAt = 0;
  readonly #committed = new Map<Partition, Offset>();
  /** `stop` was called. */
  #stops = false;
  /** Nothing new is begun any more. */
  #stopping = false;

  constructor(options: SequencerOptions) {
    this.#options = options;
    const { log, codec, topics, partitions, logger } = options;
    const metrics = options.metrics ?? noMetrics;
    const clock = options.clock ?? systemClock;
    this.#context = {
      log,
      codec,
      topics,
      partitions,
      logger,
      metrics,
      config: options.config,
      clock,
      random: options.random ?? ((bytes) => randomBytes(bytes)),
      pace: new Pace(),
      share: new Share(),
      outbox: new Outbox(log, topics.outbound),
      deadLetters: new DeadLetters({ log, codec, topic: topics.deadletter, logger, metrics }),
      identity: new StreamIdentity({ log, codec, topics, partitions, logger }),
      canaries: new Canaries({
        log,
        codec,
        topic: topics.inbound,
        partitions,
        intervalMs: options.config.canaryIntervalMs,
        clock,
        logger,
        onRoundTrip: (ms) => metrics.canaryMs(ms),
      }),
      alarms: options.alarms ?? new Alarms({ logger, clock }),
      outboundRetentionMs: options.outboundRetentionMs ?? -1,
      snapshotTurns: new Turns(),
    };
    this.#tails = {
      inbound: this.#tail(topics.inbound, {
        records: (partition, records, progress) => partition.onInbound(records, progress),
        error: (partition, error) => partition.onInboundError(error),
      }),
      outbound: this.#tail(topics.outbound, {
        records: (partition, records, progress) => partition.onOutbound(records, progress),
        error: (partition, error) => partition.onOutboundError(error),
      }),
    };
  }

  /** Joins the group, trying as long as Kafka is away and `stop` was not called. */
  async start(): Promise<void> {
    const { log, topics, config, logger } = this.#context;
    this.#ticker = setInterval(() => this.#tick(), TICK_MS);
    const member = await patiently(
      () =>
        log.joinGroup({
          groupId: this.#options.groupId,
          topic: topics.inbound,
          sessionTimeoutMs: config.sessionTimeoutMs,
          heartbeatIntervalMs: config.heartbeatIntervalMs,
          rebalanceTimeoutMs: config.rebalanceTimeoutMs,
          onAssignment: (partitions, generation) => this.#assign(partitions, generation),
          onError: (error) => logger.error({ code: error.code, message: error.message }, 'the consumer group failed'),
        }),
      {
        goOn: () => !this.#stops,
        onRetry: (error, attempt) => logger.warn({ code: error.code, attempt }, 'waiting to join the group'),
      },
    );
    this.#member = member;
    if (this.#early !== null) this.#assign(this.#early.partitions, this.#early.generation);
  }

  /**
   * Writes snapshots while it still works (bounded), finishes what is in flight (bounded), leaves the group so that others
   * take over at once, stops reading.
   */
  async stop(): Promise<void> {
    if (this.#stops) return;
    this.#stops = true;
    const written = Promise.all([...this.#partitions.values()].map((partition) => partition.snapshot()));
    await Promise.race([written, new Promise((resolve) => setTimeout(resolve, STOP_SNAPSHOTS_MS).unref())]);
    this.#stopping = true;
    const finished = Promise.all([...this.#partitions.values()].map((partition) => partition.close()));
    await Promise.race([finished, new Promise((resolve) => setTimeout(resolve, STOP_GRACE_MS).unref())]);
    for (const tenure of this.#tenures.values()) tenure.lose();
    this.#commit();
    try {
      await this.#member?.leave();
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'kafka_unreachable');
      this.#context.logger.warn(
        { code: error.code, message: error.message },
        'could not leave the group; it will notice',
      );
    }
    for (const partition of this.#partitions.values()) partition.shut();
    await Promise.all([this.#tails.inbound.stop(), this.#tails.outbound.stop()]);
    if (this.#ticker !== null) clearInterval(this.#ticker);
  }

  report(): SequencerReport {
    const partitions = [...this.#partitions.values()].filter(({ state }) => state !== 'cold');
    return {
      joined: this.#generation >= 0 && !this.#stopping,
      generation: this.#generation,
      streamId: this.#context.identity.known,
      owned: [...this.#tenures.keys()].sort((a, b) => a - b),
      partitions: partitions.map((partition) => partition.report()).sort((a, b) => a.partition - b.partition),
    };
  }

  /** Null when ready: joined, and every owned partition is processing (or none is owned). */
  notReady(): string | null {
    const { joined, owned, partitions } = this.report();
    if (this.#stops) return 'stopping';
    if (!joined) return 'not joined to the consumer group yet';
    const waiting = partitions.filter(({ partition, state }) => owned.includes(partition) && state !== 'processing');
    if (waiting.length === 0) return null;
    return waiting.map(({ partition, state }) => `partition ${partition}: ${state}`).join(', ');
  }

  /** The whole set now ours. Partitions kept go on without a claim: had another owned them between, its claim fences us. */
  #assign(partitions: readonly Partition[], generation: number): void {
    const member = this.#member;
    if (member === null) {
      this.#early = { partitions, generation };
      return;
    }
    if (this.#stopping) return;
    this.#generation = generation;
    // All may have a backlog: what came while nobody owned them.
    this.#context.share.divide(partitions.length);
    this.#dividedAt = this.#context.clock.monotonic();
    const now = new Set(partitions);
    for (const [partition, tenure] of this.#tenures) {
      if (now.has(partition)) continue;
      tenure.lose();
      this.#tenures.delete(partition);
      this.#partitions.get(partition)?.lose();
    }
    for (const partition of now) {
      if (this.#tenures.has(partition)) continue;
      const tenure = new Tenure(member, this.#context.clock, this.#context.config.sessionTimeoutMs);
      this.#tenures.set(partition, tenure);
      this.#partition(partition).own(tenure);
    }
    this.#context.logger.info({ generation, partitions: [...now] }, 'partitions assigned');
  }

  #partition(number: Partition): PartitionSequencer {
    let partition = this.#partitions.get(number);
    if (partition === undefined) {
      partition = new PartitionSequencer(number, this.#context, this.#tails);
      this.#partitions.set(number, partition);
    }
    return partition;
  }

  #tail(
    topic: string,
    on: {
      records(
        partition: PartitionSequencer,
        records: readonly LogRecord[],
        progress: TailProgress,
      ): Promise<void> | undefined;
      error(partition: PartitionSequencer, error: RoomlogError): void;
    },
  ): Tail {
    const { log, logger, topics } = this.#context;
    return log.tail({
      topic,
      maxPartitionBytes: FETCH_BYTES,
      ...(topic === topics.outbound ? { echoes: true } : { sliceRecords: SLICE_RECORDS }),
      onRecords: (number, records, progress) => {
        const partition = this.#partitions.get(number);
        return partition === undefined ? undefined : on.records(partition, records, progress);
      },
      onError: (number, error) => {
        const partition = this.#partitions.get(number);
        if (partition !== undefined) on.error(partition, error);
      },
      onStall: (error) => {
        if (error === null) logger.info({ topic }, 'Kafka answers again');
        else logger.warn({ topic, code: error.code, message: error.message }, 'no answer from Kafka');
      },
    });
  }

  #tick(): void {
    for (const partition of this.#partitions.values()) partition.tick();
    this.#context.canaries.tick(this.#processed());
    const now = this.#context.clock.monotonic();
    if (now - this.#dividedAt >= DIVIDE_EVERY_MS) {
      this.#dividedAt = now;
      const isBusy = this.#context.share.divideByLoad();
      this.#options.onBusy?.(isBusy);
    }
    if (now - this.#committedAt < COMMIT_EVERY_MS) return;
    this.#committedAt = now;
    this.#commit();
  }

  #processed(): Partition[] {
    if (this.#stops) return [];
    return [...this.#partitions].flatMap(([number, { state }]) => (state === 'processing' ? [number] : []));
  }

  /** For lag displays only: where to start is in outbound. */
  #commit(): void {
    const positions = new Map<Partition, Offset>();
    for (const [number, partition] of this.#partitions) {
      const { position } = partition;
      if (position === null || this.#committed.get(number) === position) continue;
      positions.set(number, position);
      this.#committed.set(number, position);
    }
    if (positions.size > 0) this.#member?.commit(positions);
  }
}
