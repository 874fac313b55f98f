/**
 * The stream half of a gateway, put together: it follows every outbound partition, keeps the rooms' members supplied and tells
 * publishers what became of theirs. The only class that knows tail, rooms, fan-out and history at once.
 */
import type { Buffer } from 'node:buffer';
import { Alarms } from '../../core/alarms.ts';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import { SlowClients } from '../../core/limits/slow-clients.ts';
import type { Tail } from '../../core/ports/event-log.ts';
import { FanOut } from '../fanout/fan-out.ts';
import { LoopRelief } from '../fanout/loop-relief.ts';
import { headCursor } from '../history/partition-history.ts';
import { broadcast } from '../rooms/broadcast.ts';
import { type Member, Rooms } from '../rooms/rooms.ts';
import type { EventEncoding, JoinStart, RoomStream, Sink, Subscription } from '../stream.ts';
import { CanaryWatch } from './canary-watch.ts';
import { FollowedPartition } from './followed-partition.ts';
import { LoopBudget } from './loop-budget.ts';
import { outboundRanges } from './outbound-ranges.ts';
import { OwnOutcomes } from './own-outcomes.ts';
import type { PartitionListener } from './partition-listener.ts';
import { Partitions } from './partitions.ts';
import { Readiness } from './readiness.ts';
import type { RoomStreamOptions } from './room-stream-options.ts';
import { Snapshots } from './snapshots.ts';
import { StreamHistory } from './stream-history.ts';
import { StreamIdentity } from './stream-identity.ts';
import { createStreamMetrics, type StreamMetrics } from './stream-metrics.ts';
import { watched } from './watched-listener.ts';

/** What folding may take of one turn of the event loop, ms. */
const FOLD_TURN_MS = 20;
/** What a client is told to wait, ms. */
const RETRY_AFTER_MS = 1_000;

export function createRoomStream(options: RoomStreamOptions): RoomStream {
  return new OutboundRoomStream(options);
}

class OutboundRoomStream implements RoomStream {
  readonly #options: RoomStreamOptions;
  readonly #identity: StreamIdentity;
  readonly #rooms: Rooms;
  readonly #partitions: Partitions;
  readonly #readiness: Readiness;
  readonly #relief: LoopRelief;
  readonly #fanOut: FanOut;
  #flushIsDue = false;
  readonly #history: StreamHistory;
  readonly #metrics: StreamMetrics;
  readonly #outcomes: OwnOutcomes;
  readonly #snapshots: Snapshots;
  readonly #canaries: CanaryWatch;
  readonly #alarms: Alarms;
  #tail: Tail | null = null;
  #state: 'new' | 'loading' | 'running' | 'stopped' = 'new';
  #folded = 0;
  #writes = 0;
  #stale = 0;

  constructor(options: RoomStreamOptions) {
    this.#options = options;
    this.#identity = new StreamIdentity(options.partitions);
    const { config, logger, clock, metrics } = options;
    const { ringBytes, flushWindowMaxMs } = config.gateway;
    this.#rooms = new Rooms(new SlowClients(config.gateway));
    this.#relief = new LoopRelief(clock, flushWindowMaxMs, () => ({ writes: this.#writes, records: this.#folded }));
    const pressure = options.pressure ?? (() => this.#relief.pressure);
    this.#metrics = createStreamMetrics(metrics, {
      lagRecords: () => this.#partitions.lag,
      catchingUp: () => this.#history.catchUp.active,
      haltedPartitions: () => this.#partitions.halted,
      ringBytes: () => this.#partitions.ringBytes,
      rooms: () => this.#rooms.size,
      members: () => this.#rooms.members,
      pressure,
      restMs: () => this.#relief.restMs,
      historyWaiting: () => this.#history.waiting,
      historyKeptBytes: () => this.#history.keptBytes,
    });
    const { deliveries, eventFrames, roomWrites, gaps } = this.#metrics;
    const delivered = (events: number): void => {
      deliveries.add(events);
      eventFrames.add(events);
    };
    this.#history = new StreamHistory({
      ...options,
      streamMetrics: this.#metrics,
      beforeTurn: () => this.#flushDue(),
      onDelivered: delivered,
    });
    const { catchUp } = this.#history;
    this.#fanOut = new FanOut({
      clock,
      windowMaxMs: flushWindowMaxMs,
      pressure,
      logger,
      onDelivered: delivered,
      onWritten: (writes) => {
        this.#writes += writes;
        roomWrites.add(writes);
      },
      onExpired: (count) => gaps.expired.add(count),
      onBehind: (member, why) => (why === 'slow' ? catchUp.fellBehind(member) : catchUp.begin(member)),
    });
    const { originTag, outcomes } = options;
    this.#outcomes = new OwnOutcomes({ originTag, outcomes, identity: this.#identity, logger });
    this.#alarms = options.alarms ?? new Alarms({ logger, clock });
    const shared = { ...options, alarms: this.#alarms };
    this.#snapshots = new Snapshots({ ...shared, identity: this.#identity, metrics: this.#metrics });
    const budget = new LoopBudget(clock, FOLD_TURN_MS);
    const hears = (number: Partition): boolean => this.#readiness.hears(number);
    this.#canaries = new CanaryWatch({ ...shared, hears });
    this.#partitions = new Partitions(options.partitions, (number) => this.#follow(number, budget, ringBytes));
    this.#readiness = new Readiness(this.#partitions.all, logger);
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new RoomlogError('unavailable', 'The stream was started before.');
    this.#state = 'loading';
    const { log, topics, logger, config, partitions } = this.#options;
    const isWanted = (): boolean => this.#state === 'loading';
    const ranges = await outboundRanges({ log, topic: topics.outbound, partitions, logger, isWanted });
    if (!isWanted()) throw new RoomlogError('draining');
    const tail = log.tail({
      topic: topics.outbound,
      maxPartitionBytes: config.kafka.fetchPartitionBytes,
      restMs: () => this.#relief.restMs,
      onRecords: (number, records, progress) => this.#partitions.at(number).take(records, progress),
      onError: (number, error) => this.#partitions.at(number).fail(error),
      onStall: (error) => this.#readiness.onStall(error),
    });
    this.#tail = tail;
    const caughtUp = this.#partitions.all.map(async (followed) => {
      const range = ranges.get(followed.partition);
      if (range === undefined) throw new RoomlogError('partition_mismatch');
      const begun = await followed.begin(range);
      tail.assign(followed.partition, begun.from);
      await begun.caughtUp;
    });
    await Promise.all(caughtUp);
    if (!isWanted()) throw new RoomlogError('draining');
    this.#state = 'running';
    this.#canaries.start();
    logger.info({ records: this.#folded, partitions }, 'outbound folded to its end');
  }

  get ready(): boolean {
    return this.notReadyReason === null;
  }

  get notReadyReason(): string | null {
    if (this.#state !== 'running') return this.#state === 'loading' ? 'folding outbound' : `stream ${this.#state}`;
    return this.#readiness.reason;
  }

  partitionAvailable(room: RoomId): boolean {
    const followed = this.#partitions.of(room);
    if (this.#state !== 'running' || this.#canaries.isFailing(followed.partition)) return false;
    return this.#readiness.serves(followed);
  }

  async subscribe(room: RoomId, start: JoinStart, sink: Sink): Promise<Subscription> {
    const followed = this.#partitions.of(room);
    if (this.#state !== 'running') throw unavailable('This gateway is not ready.');
    if (followed.halted !== null) throw unavailable('The partition of this room has halted.', followed.halted);
    try {
      await this.#identity.known(this.#options.config.gateway.cursorWaitMs);
      const { position, recovered } = await this.#history.starts.resolve(followed, room, start);
      return this.#enter(room, followed, sink, position, recovered);
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'unavailable');
      if (error.code === 'cursor_invalid' || error.code === 'unavailable') throw error;
      this.#options.logger.warn({ err: error, partition: followed.partition }, 'a join could not be served');
      throw unavailable(undefined, error);
    }
  }

  broadcast(room: RoomId, frame: (encoding: EventEncoding) => Buffer, except?: Sink): void {
    const entered = this.#rooms.get(room);
    if (entered !== undefined) broadcast(entered, frame, except);
  }

  memberCount(room: RoomId): number {
    return this.#rooms.get(room)?.members.size ?? 0;
  }

  stats(): ReturnType<RoomStream['stats']> {
    return {
      rooms: this.#rooms.size,
      members: this.#rooms.members,
      foldedRecords: this.#folded,
      staleRecords: this.#stale,
      lagRecords: this.#partitions.lag,
      failingPartitions: this.#canaries.failing,
    };
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    for (const followed of this.#partitions.all) followed.stop();
    this.#snapshots.stop();
    this.#canaries.stop();
    this.#history.stop();
    this.#outcomes.flush();
    this.#fanOut.stop();
    this.#rooms.leaveAll();
    await this.#tail?.stop();
  }

  #enter(
    room: RoomId,
    followed: FollowedPartition,
    sink: Sink,
    position: Member['position'],
    recovered: boolean,
  ): Subscription {
    const cursor = headCursor(followed, room);
    const member = this.#rooms.enter(room, followed, sink, position);
    return {
      seq: followed.head(room)?.seq ?? (0 as Subscription['seq']),
      cursor,
      recovered,
      begin: () => {
        if (member.state === 'waiting') this.#history.catchUp.begin(member);
      },
      cancel: () => this.#rooms.leave(member),
    };
  }

  #follow(number: Partition, budget: LoopBudget, ringBytes: number): FollowedPartition {
    const { codec, logger, anchors = {} } = this.#options;
    return new FollowedPartition({
      partition: number,
      codec,
      identity: this.#identity,
      snapshots: this.#snapshots,
      budget,
      ringBytes,
      anchors,
      logger,
      listener: watched(number, this.#listen(number), this.#canaries, this.#alarms),
    });
  }

  /**
   * Behind the tail, which asks for more when this turn's work is done: a fetch that waits at the broker costs nothing, one that begins after
   * some hundred writes finds its records late. What all partitions of one answer collected goes out together.
   */
  #flushSoon(): void {
    if (this.#flushIsDue) return;
    this.#flushIsDue = true;
    setImmediate(() => this.#flushDue());
  }

  #flushDue(): void {
    if (!this.#flushIsDue) return;
    this.#flushIsDue = false;
    if (this.#state !== 'stopped') this.#flush();
  }

  /** Acks first: what a socket gets of both is one write. */
  #flush(): void {
    this.#outcomes.flush();
    this.#fanOut.flush();
  }

  #listen(number: Partition): Omit<PartitionListener, 'onClaim'> {
    return {
      onEvent: (event) => {
        this.#outcomes.event(event);
        const room = this.#rooms.get(event.room);
        if (room !== undefined) this.#fanOut.add(room, event);
      },
      onAnswer: (answer) => this.#outcomes.answer(answer),
      onPause: () => this.#flush(),
      onTaken: () => this.#flushSoon(),
      onVerdict: (kind) => {
        this.#folded += 1;
        if (kind === 'stale' || kind === 'repeat') this.#stale += 1;
        this.#metrics.verdicts[kind].add();
      },
      onReload: (from) => {
        this.#history.forget(number);
        this.#tail?.assign(number, from);
      },
      onJump: () => {
        this.#flush();
        for (const room of this.#rooms) if (room.history.partition === number) this.#fanOut.jumped(room);
      },
      onHalt: () => this.#tail?.release(number),
    };
  }
}

function unavailable(message?: string, cause?: unknown): RoomlogError {
  return new RoomlogError('unavailable', message, { cause, details: { retryAfter: RETRY_AFTER_MS } });
}
