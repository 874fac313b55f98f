/**
 * When one partition's fold is written down, and what became of it. Taken from the read-back alone, never from what was
 * decided and not read; the fold goes on while it is written.
 */
import { type LoadedSnapshot, loadSnapshot } from '../../adapters/snapshots/load.ts';
import { Shelf } from '../../adapters/snapshots/shelf.ts';
import { writeSnapshot } from '../../adapters/snapshots/write.ts';
import { asRoomlogError, type RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { AnchorTrail } from '../../core/log/anchor-trail.ts';
import { captureFold } from '../../core/log/capture.ts';
import type { Fold } from '../../core/log/fold.ts';
import type { SequencerContext } from './context.ts';
import type { RecentPoison } from './recent-poison.ts';

/** After a snapshot that could not be written, the next try. */
const RETRY_MS = 30_000;
/** Without a snapshot for this part of outbound's retention, something must be done. */
const OVERDUE_PART_OF_RETENTION = 4;
/** And after this part of it one is written also where nothing but claims and answers (canaries) was folded. */
const WRITE_PART_OF_RETENTION = 8;

/** What a snapshot is taken of, as it is between two records. */
export interface SnapshotSource {
  readonly fold: Fold;
  /** The next record to be folded. */
  readonly next: Offset;
  readonly anchors: AnchorTrail;
  readonly poison: RecentPoison;
  readonly bytesSinceClaim: number;
  readonly fault: RoomlogError | null;
}

export interface SnapshotReport {
  /** The newest one that this process loaded or wrote. */
  readonly offset: Offset;
  /** Its writer's clock, ms. */
  readonly takenAt: number;
  /** null where another process wrote it. */
  readonly bytes: number | null;
}

export class Snapshots {
  readonly #partition: Partition;
  readonly #context: SequencerContext;
  readonly #shelf = new Shelf();
  #newest: SnapshotReport | null = null;
  /** Records folded since the newest snapshot; claims and what does not count too, for retention takes them all. */
  #records = 0;
  /** Events among them. */
  #events = 0;
  /** Log-append time of the first of them, ms. */
  #since: number | null = null;
  /** Clock.monotonic() from which the next one's time counts. */
  #countedFrom = 0;
  #notBefore = 0;
  /** Writes that wait for their turn or have it. */
  #underWay = 0;

  constructor(partition: Partition, context: SequencerContext) {
    this.#partition = partition;
    this.#context = context;
    this.#countedFrom = context.clock.monotonic();
  }

  get newest(): SnapshotReport | null {
    return this.#newest;
  }

  /** Whether a quarter of outbound's retention has passed over what no snapshot has. */
  get overdue(): boolean {
    return this.#passed(OVERDUE_PART_OF_RETENTION);
  }

  #passed(partOfRetention: number): boolean {
    const { clock, outboundRetentionMs } = this.#context;
    if (this.#since === null || outboundRetentionMs < 0) return false;
    return clock.now() - this.#since > outboundRetentionMs / partOfRetention;
  }

  /** The newest usable snapshot, at or below `below` where given. Throws what reading throws. */
  async load(below: Offset | null, signal: AbortSignal): Promise<LoadedSnapshot | null> {
    const { log, codec, topics, partitions, config, logger, metrics, identity, alarms } = this.#context;
    const { sessionMaxAgeMs, keyWindowMs } = config;
    let isAhead = false;
    const loaded = await loadSnapshot({
      log,
      codec,
      topics,
      partition: this.#partition,
      partitions,
      parts: 'all',
      publishers: { sessionMaxAgeMs, keyWindowMs },
      streamId: identity.known,
      logger,
      signal,
      shelf: this.#shelf,
      ...(below !== null && { below }),
      onRefused: (reason) => {
        metrics.snapshotRefused(reason);
        if (reason !== 'ahead') return;
        isAhead = true;
        alarms.raise('snapshot_ahead', this.#partition, 'the newest snapshot was refused');
      },
    });
    if (loaded !== null && below === null && !isAhead) alarms.clear('snapshot_ahead', this.#partition);
    this.#newest = loaded && { offset: loaded.mark.offset, takenAt: loaded.takenAt, bytes: null };
    this.#records = 0;
    this.#events = 0;
    this.#since = null;
    return loaded;
  }

  /** A record was folded. `timestamp`: its log-append time, ms. */
  folded(timestamp: number, isEvent: boolean): void {
    this.#records++;
    if (isEvent) this.#events++;
    this.#since ??= timestamp;
  }

  /** The partition is ours from now on. */
  owned(): void {
    this.#countedFrom = this.#context.clock.monotonic();
    this.#notBefore = 0;
  }

  get due(): boolean {
    const { clock, config } = this.#context;
    const now = clock.monotonic();
    if (this.#records === 0 || this.#underWay > 0 || now < this.#notBefore) return false;
    if (this.#records >= config.snapshotEveryRecords) return true;
    // An idle partition has canaries all the same: a whole snapshot every few minutes would be of nothing new.
    const isActive = this.#events > 0 || this.#passed(WRITE_PART_OF_RETENTION);
    return isActive && now - this.#countedFrom >= config.snapshotEveryMs;
  }

  /** To be called now and then while the partition is ours. */
  watch(): void {
    const { alarms } = this.#context;
    if (!this.overdue) alarms.clear('snapshot_overdue', this.#partition);
    else alarms.raise('snapshot_overdue', this.#partition, `${this.#records} records of outbound are in no snapshot`);
  }

  /** The partition is not ours any more: another one's snapshots are not known here. */
  lost(): void {
    const { alarms } = this.#context;
    alarms.clear('snapshot_overdue', this.#partition);
    alarms.clear('snapshot_ahead', this.#partition);
  }

  /**
   * Writes one of what `source` holds at the moment when its turn comes, which is after the one under way, and
   * none where nothing was folded since. Resolves when it is written or given up; never rejects.
   */
  async write(source: SnapshotSource, mayLeave: () => boolean): Promise<void> {
    this.#underWay++;
    await this.#context.snapshotTurns.take(() => this.#write(source, mayLeave));
    this.#underWay--;
  }

  async #write(source: SnapshotSource, mayLeave: () => boolean): Promise<void> {
    if (!mayLeave() || source.fault !== null || this.#records === 0) return;
    const { clock } = this.#context;
    const before = { records: this.#records, events: this.#events, since: this.#since };
    const startedAt = clock.monotonic();
    this.#records = 0;
    this.#events = 0;
    this.#since = null;
    try {
      await this.#writeNow(source, mayLeave);
      this.#countedFrom = startedAt;
    } catch (thrown) {
      this.#records += before.records;
      this.#events += before.events;
      this.#since = before.since ?? this.#since;
      this.#notBefore = clock.monotonic() + RETRY_MS;
      if (mayLeave()) this.#failed(asRoomlogError(thrown, 'kafka_unreachable'));
    }
  }

  async #writeNow(source: SnapshotSource, mayLeave: () => boolean): Promise<void> {
    const { log, codec, topics, pace, clock, logger, metrics, alarms } = this.#context;
    const startedAt = clock.monotonic();
    const takenAt = clock.now();
    const retained = (await log.ranges(topics.outbound, [this.#partition])).get(this.#partition);
    if (retained !== undefined) source.anchors.dropBelow(retained.start);
    const capture = captureFold(source.fold, this.#partition, source.next);
    const { offset } = capture.mark;
    const written = await writeSnapshot({
      log,
      codec,
      topic: topics.snapshots,
      capture,
      poison: source.poison.entries(),
      anchors: source.anchors.anchors(),
      bytesSinceClaim: source.bytesSinceClaim,
      takenAt,
      shelf: this.#shelf,
      keep: this.#newest?.offset ?? null,
      mayLeave,
      turn: () => pace.turn(),
    });
    const tookMs = clock.monotonic() - startedAt;
    this.#newest = { offset, takenAt, bytes: written.bytes };
    // Whoever loads one now finds this one first.
    alarms.clear('snapshot_ahead', this.#partition);
    metrics.snapshotWritten(written.bytes, tookMs);
    logger.info(
      {
        partition: this.#partition,
        offset,
        rooms: capture.roomCount,
        bytes: written.bytes,
        tookMs: Math.round(tookMs),
      },
      'snapshot written',
    );
  }

  #failed({ code, message }: RoomlogError): void {
    this.#context.metrics.snapshotFailed(code);
    this.#context.logger.warn({ partition: this.#partition, code, message }, 'a snapshot was given up');
  }
}
