/**
 * Reads partitions as they grow, without a group: one fetch loop per broker for all partitions that it leads. A loop lives while there is
 * something to fetch at its broker; whatever makes a partition fetchable (assign, resume, a settled handler, a new leader) starts it again.
 */
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { AppendRecord, Tail, TailOptions, TailProgress } from '../../core/ports/event-log.ts';
import { BrokerLoops, type IsGivenUp } from './broker-loops.ts';
import { Echoes } from './echoes.ts';
import { FetchRest } from './fetch-rest.ts';
import { outside, verdictOf } from './fetch-verdict.ts';
import { handOver, handOverError } from './hand-over.ts';
import type { OpenTransactionsReader } from './kafka-metrics.ts';
import { LeaderCheck } from './leader-check.ts';
import { LeaderSearch, type Seeker } from './leader-search.ts';
import { OpenTransactions } from './open-transactions.ts';
import { StallWatch } from './stall-watch.ts';
import type { TailParts } from './tail-parts.ts';
import { BatchDecoder, type DecodedSlice } from './wire/decode-batches.ts';
import { brokerError, CODES, codeName } from './wire/error-codes.ts';
import { type FetchedPartition, fetchRequest } from './wire/fetch.ts';
import type { BrokerAddress } from './wire/metadata.ts';

/** How long a broker may hold back an empty fetch that leaves out a partition whose handler is at work, ms. */
const BUSY_WAIT_MS = 2;
/** A handler at work for longer than this waits for something else, and nobody asks for its partition every two milliseconds. */
const BUSY_FOR_MS = 100;
/** The same for any fetch that leaves out a partition, or may soon: what joins has to wait for the answer. */
const JOINED_WAIT_MS = 20;
/** Others may be assigned for so long after one. */
const JOINING_FOR_MS = 1_000;

/** Resolves when all microtasks of this turn of the event loop have run, before anything else does. */
const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

/** One assigned partition. A new assignment makes a new object, so that late answers find themselves unwanted. */
interface Reading extends Seeker {
  next: number;
  paused: boolean;
  /** Its handler has not settled. */
  busy: boolean;
  /** On the monotonic clock, when that last became so. */
  busySinceMs: number;
  /** What `onRecords` was last told, so that an idle partition is not reported again and again; null at first. */
  told: Required<TailProgress> | null;
}

/** What an answer says of its partition's end; as in `TailProgress`. */
type Ends = Required<Pick<TailProgress, 'end' | 'written'>>;

export class KafkaTail implements Tail {
  readonly #options: TailOptions;
  readonly #parts: TailParts;
  readonly #readings = new Map<Partition, Reading>();
  readonly #loops: BrokerLoops;
  readonly #handlers = new Set<Promise<void>>();
  readonly #stalls: StallWatch;
  readonly #search: LeaderSearch<Reading>;
  readonly #leaderCheck: LeaderCheck;
  readonly #transactions: OpenTransactions;
  readonly #echoes: Echoes | null;
  #turn = 0;
  /** On the monotonic clock. */
  #assignedAtMs = Number.NEGATIVE_INFINITY;
  #stopping: Promise<void> | null = null;

  constructor(options: TailOptions, parts: TailParts) {
    this.#options = options;
    this.#parts = parts;
    this.#transactions = new OpenTransactions(options.topic, parts.clock, parts.logger);
    this.#echoes = options.echoes === true ? new Echoes() : null;
    this.#loops = new BrokerLoops(
      (leader, isGivenUp) => this.#loop(leader, isGivenUp),
      // Something may have become fetchable between the loop's last look and now.
      () => {
        if (!this.#stopping) this.#wake();
      },
    );
    this.#leaderCheck = new LeaderCheck({
      topic: options.topic,
      metadata: parts.metadata,
      clock: parts.clock,
      logger: parts.logger,
      seekers: () => this.#readings.values(),
      onMoved: () => this.#wake(),
    });
    this.#stalls = new StallWatch({
      clock: parts.clock,
      stallMs: parts.stallMs,
      longestMs: Math.max(parts.stallMs, parts.requestTimeoutMs),
      onChange: (error) => options.onStall?.(error),
      onRestart: (partitions) => this.#restart(partitions),
    });
    this.#search = new LeaderSearch<Reading>({
      topic: options.topic,
      metadata: parts.metadata,
      clock: parts.clock,
      seekers: () => this.#readings.values(),
      onFound: () => this.#wake(),
      onHopeless: (reading, error) => this.#fail(reading, error),
    });
  }

  assign(partition: Partition, from: Offset): void {
    if (this.#stopping) return;
    const leader = this.#parts.metadata.known(this.#options.topic)?.leaders.get(partition) ?? null;
    this.#readings.set(partition, {
      partition,
      next: from,
      paused: false,
      busy: false,
      busySinceMs: 0,
      leader,
      failures: 0,
      told: null,
    });
    this.#assignedAtMs = this.#parts.clock.monotonic();
    this.#stalls.expect(partition);
    if (leader) this.#wake();
    else this.#search.start();
  }

  release(partition: Partition): void {
    this.#readings.delete(partition);
    this.#stalls.forget(partition);
    this.#transactions.forget(partition);
    this.#echoes?.forget(partition);
  }

  /** This log is about to append a batch to one of its topics. */
  sending(topic: string, partition: Partition, batch: Buffer, records: readonly AppendRecord[]): void {
    if (topic === this.#options.topic && this.#readings.has(partition)) this.#echoes?.note(partition, batch, records);
  }

  pause(partition: Partition): void {
    const reading = this.#readings.get(partition);
    if (!reading) return;
    reading.paused = true;
    this.#stalls.forget(partition);
  }

  resume(partition: Partition): void {
    const reading = this.#readings.get(partition);
    if (!reading?.paused) return;
    reading.paused = false;
    if (!reading.busy) this.#stalls.expect(partition);
    this.#wake();
  }

  /** See `OpenTransactions`. */
  get openTransactions(): ReturnType<OpenTransactionsReader> {
    return this.#transactions.list();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#readings.clear();
    this.#stalls.stop();
    this.#search.stop();
    await this.#parts.connections.close();
    await Promise.all([this.#loops.ended(), ...this.#handlers]);
    this.#parts.onStopped();
  }

  #wake(): void {
    for (const { leader, paused, busy } of this.#readings.values()) {
      if (leader && !paused && !busy) this.#loops.start(leader);
    }
  }

  async #loop(leader: BrokerAddress, isGivenUp: IsGivenUp): Promise<void> {
    const rest = new FetchRest(this.#parts.clock, this.#options.restMs ?? (() => 0), this.#maxBytes);
    for (;;) {
      // Yields first: partitions assigned one after the other share the first request, and a handler that had nothing to wait for has
      // settled before the next one is made; without its partition that would wait for the others' records.
      await tick();
      await rest.over();
      if (isGivenUp()) return;
      this.#leaderCheck.tick();
      const wanted = this.#fetchable(leader.nodeId);
      if (wanted.length === 0) return;
      const asked = wanted.map((reading) => reading.next);
      let answered: readonly FetchedPartition[];
      try {
        answered = await this.#fetch(leader, wanted);
      } catch (thrown) {
        if (this.#stopping || isGivenUp()) return;
        const error = asRoomlogError(thrown, 'kafka_unreachable');
        this.#parts.logger.debug({ err: error, topic: this.#options.topic, ...error.details }, 'fetch failed');
        this.#parts.metadata.suspect(leader);
        this.#rerouteFrom(leader);
        return;
      }
      if (isGivenUp()) return;
      rest.answered(answered.reduce((bytes, { records }) => bytes + records.length, 0));
      for (const [place, answer] of answered.entries()) {
        // Brokers answer in the order of the request, where nothing is wrong.
        const isInOrder = wanted[place]?.partition === answer.partition;
        const index = isInOrder ? place : wanted.findIndex((reading) => reading.partition === answer.partition);
        const reading = wanted[index];
        // Released, moved or paused while the answer was on its way: it is asked for again when wanted.
        if (!reading || this.#readings.get(reading.partition) !== reading || reading.paused) continue;
        if (reading.next === asked[index]) this.#take(reading, answer);
      }
    }
  }

  /** Starts with another partition each time: a broker fills its answer from the front. */
  #fetchable(nodeId: number): Reading[] {
    const list = [...this.#readings.values()].filter((r) => r.leader?.nodeId === nodeId && !r.paused && !r.busy);
    if (list.length < 2) return list;
    const first = this.#turn++ % list.length;
    return [...list.slice(first), ...list.slice(0, first)];
  }

  /** Of a partition's answer, and of all of a fetch's. */
  get #maxBytes(): number {
    return this.#options.maxPartitionBytes ?? this.#parts.partitionBytes;
  }

  async #fetch(leader: BrokerAddress, wanted: readonly Reading[]): Promise<readonly FetchedPartition[]> {
    const maxBytes = this.#maxBytes;
    const request = fetchRequest({
      topic: this.#options.topic,
      partitions: wanted.map(({ partition, next }) => ({ partition, offset: next, maxBytes })),
      maxWaitMs: this.#maxWaitMs(leader.nodeId),
      // One partition's worth for all: larger answers would keep the event loop busy too long at a time.
      maxBytes,
    });
    const answer = await this.#parts.connections.send(leader, request);
    if (answer.errorCode !== CODES.none) throw brokerError('kafka_unreachable', answer.errorCode, {});
    return answer.partitions;
  }

  /** Short while a partition of this broker is left out, or others may come: it is asked for with the next request, and no sooner. */
  #maxWaitMs(nodeId: number): number {
    const now = this.#parts.clock.monotonic();
    let waitMs = this.#options.maxWaitMs ?? this.#parts.maxWaitMs;
    if (now - this.#assignedAtMs < JOINING_FOR_MS) waitMs = Math.min(waitMs, JOINED_WAIT_MS);
    for (const { leader, busy, busySinceMs, paused } of this.#readings.values()) {
      if (leader?.nodeId !== nodeId || !(busy || paused)) continue;
      if (!paused && now - busySinceMs <= BUSY_FOR_MS) return Math.min(waitMs, BUSY_WAIT_MS);
      waitMs = Math.min(waitMs, JOINED_WAIT_MS);
    }
    return waitMs;
  }

  #take(reading: Reading, answer: FetchedPartition): void {
    const { partition } = reading;
    const { topic } = this.#options;
    const verdict = verdictOf(answer.errorCode, { topic, partition, offset: reading.next });
    if (verdict === 'elsewhere') {
      const kafkaCode = codeName(answer.errorCode);
      this.#parts.logger.debug({ topic, partition, kafkaCode }, 'partition has to be asked for elsewhere');
      this.#reroute(reading);
      return;
    }
    if (verdict !== 'fine') {
      if (verdict === 'out_of_range') this.#outOfRange(reading);
      else this.#fail(reading, verdict);
      return;
    }
    reading.failures = 0;
    this.#stalls.answered(partition);
    this.#transactions.note(partition, answer.lastStableOffset, answer.highWatermark);
    const ends = { end: answer.lastStableOffset as Offset, written: answer.highWatermark as Offset };
    // Most partitions of most answers have nothing new.
    if (answer.records.length === 0 && isTold(reading, reading.next as Offset, ends)) return;
    try {
      const settling = handOver(this.#decoder(partition, reading.next, answer), {
        isWanted: () => this.#readings.get(partition) === reading && !reading.paused,
        take: (slice) => this.#tell(reading, slice, ends),
      });
      if (settling) this.#holdBack(reading, settling);
    } catch (thrown) {
      this.#fail(reading, handOverError(topic, partition, thrown));
    }
  }

  #decoder(partition: Partition, from: number, { records, aborted }: FetchedPartition): BatchDecoder {
    const { sliceRecords } = this.#options;
    const echoes = this.#echoes;
    return new BatchDecoder(records, from, aborted, {
      ...(sliceRecords !== undefined && { sliceRecords }),
      ...(echoes !== null && { echoOf: (bytes, at, end) => echoes.take(partition, bytes, at, end) }),
    });
  }

  #tell(reading: Reading, { records, next, unreadable, more }: DecodedSlice, ends: Ends): void | Promise<void> {
    const { partition } = reading;
    if (unreadable > 0) {
      const { topic } = this.#options;
      this.#parts.logger.warn({ topic, partition, before: next, unreadable }, 'records could not be unpacked');
    }
    reading.next = next;
    if (records.length === 0 && (more || isTold(reading, next as Offset, ends))) return;
    const told = { next: next as Offset, end: ends.end, written: ends.written };
    reading.told = told;
    return this.#options.onRecords(partition, records, told);
  }

  #holdBack(reading: Reading, settling: Promise<void>): void {
    reading.busy = true;
    reading.busySinceMs = this.#parts.clock.monotonic();
    this.#stalls.forget(reading.partition);
    const handler = settling
      .catch((thrown) => this.#fail(reading, handOverError(this.#options.topic, reading.partition, thrown)))
      .then(() => {
        this.#handlers.delete(handler);
        reading.busy = false;
        if (this.#readings.get(reading.partition) !== reading) return;
        if (!reading.paused) this.#stalls.expect(reading.partition);
        this.#wake();
      });
    this.#handlers.add(handler);
  }

  /** The partition stops, and its user is told. */
  #fail(reading: Reading, error: RoomlogError): void {
    if (this.#readings.get(reading.partition) !== reading) return;
    this.release(reading.partition);
    this.#options.onError(reading.partition, error);
  }

  /** Stops the partition only if its position really is outside. */
  #outOfRange(reading: Reading): void {
    const { partition, next } = reading;
    // Not fetched meanwhile.
    reading.busy = true;
    const asking = outside(this.#parts.offsets, { topic: this.#options.topic, partition, offset: next }).then(
      (error) => {
        if (error) this.#fail(reading, error);
        else this.#reroute(reading);
        this.#handlers.delete(asking);
        reading.busy = false;
        this.#wake();
      },
    );
    this.#handlers.add(asking);
  }

  #reroute(reading: Reading): void {
    reading.failures++;
    reading.leader = null;
    this.#parts.metadata.markStale(this.#options.topic);
    this.#search.start();
  }

  #rerouteFrom(leader: BrokerAddress): void {
    for (const reading of this.#readings.values()) {
      if (reading.leader?.nodeId === leader.nodeId) this.#reroute(reading);
    }
  }

  /**
   * No progress, though nothing failed: an answer that does not come, a request that kafkajs keeps back, a loop that nobody woke. Whatever
   * it is, the loop and its sockets are given up, and the leader is asked for again. Partitions without a leader are being searched for.
   */
  #restart(partitions: readonly Partition[]): void {
    const { metrics, logger, connections, metadata } = this.#parts;
    const leaders = new Map<number, BrokerAddress>();
    for (const partition of partitions) {
      const leader = this.#readings.get(partition)?.leader;
      if (leader) leaders.set(leader.nodeId, leader);
    }
    for (const leader of leaders.values()) {
      const { topic } = this.#options;
      const broker = `${leader.host}:${leader.port}`;
      logger.warn({ topic, partitions, broker, nodeId: leader.nodeId }, 'a tail fell silent and is started again');
      metrics.restarted('tail');
      this.#loops.giveUp(leader);
      connections.giveUp(leader);
      metadata.suspect(leader);
      this.#rerouteFrom(leader);
    }
  }
}

const isTold = ({ told }: Reading, next: Offset, { end, written }: Ends): boolean =>
  told !== null && told.next === next && told.end === end && told.written === written;
