/** What members who are behind are brought up to date from: where their starts are, reads of outbound, and the writes of what was read. */
import type { Partition } from '../../core/ids.ts';
import { CatchUp } from '../history/catch-up.ts';
import { Ranges } from '../history/ranges.ts';
import { SlowMembers } from '../history/slow-members.ts';
import { Starts } from '../history/starts.ts';
import { Walks } from '../history/walks.ts';
import { LoopBudget } from './loop-budget.ts';
import { endOfPartition } from './outbound-ranges.ts';
import type { RoomStreamOptions } from './room-stream-options.ts';
import type { StreamMetrics } from './stream-metrics.ts';

/** What bringing members up to date may take of one turn, ms: less than folding, since those who are live come first. */
const CATCH_UP_TURN_MS = 2;
/** Frames built for those who catch up are kept up to this part of `gateway.historyCacheBytes`. */
const FRAMES_PART = 2;

export interface StreamHistoryOptions
  extends Pick<
    RoomStreamOptions,
    'log' | 'codec' | 'topics' | 'config' | 'clock' | 'logger' | 'metrics' | 'historyCacheBytes'
  > {
  readonly streamMetrics: Pick<StreamMetrics, 'gaps' | 'historyBytes' | 'historyReads' | 'historyWalks'>;
  /** Comes before the work of each turn: what there is for those who are live. */
  readonly beforeTurn: () => void;
  readonly onDelivered: (events: number) => void;
}

export class StreamHistory {
  readonly #ranges: Ranges;
  readonly #walks: Walks;
  readonly starts: Starts;
  readonly catchUp: CatchUp;

  constructor(options: StreamHistoryOptions) {
    const { log, codec, topics, config, clock, logger, metrics, beforeTurn, onDelivered } = options;
    const { gaps, historyBytes, historyReads, historyWalks } = options.streamMetrics;
    const { cursorWaitMs, historyBytesPerSecond } = config.gateway;
    const cacheBytes = options.historyCacheBytes ?? config.gateway.historyCacheBytes;
    const budget = new LoopBudget(clock, CATCH_UP_TURN_MS, beforeTurn);
    this.#ranges = new Ranges({
      log,
      codec,
      topic: topics.outbound,
      clock,
      budget,
      bytesPerSecond: historyBytesPerSecond,
      cacheBytes,
      onRead: (bytes) => {
        historyReads.read.add();
        historyBytes.add(bytes);
      },
      onShared: () => historyReads.shared.add(),
    });
    this.#walks = new Walks({ ranges: this.#ranges, onWalked: (outcome) => historyWalks[outcome].add() });
    const reads = { ranges: this.#ranges, walks: this.#walks };
    const endOf = (number: Partition) => endOfPartition(log, topics.outbound, number);
    this.starts = new Starts({ reads, cursorWaitMs, clock, endOf });
    this.catchUp = new CatchUp({
      budget,
      reads,
      clock,
      slow: new SlowMembers(metrics),
      framesBytes: cacheBytes / FRAMES_PART,
      logger,
      onDelivered,
      onGap: (reason, count) => gaps[reason].add(count),
    });
  }

  /** Reads that wait for their turn. */
  get waiting(): number {
    return this.#ranges.waiting;
  }

  get keptBytes(): number {
    return this.#ranges.keptBytes;
  }

  /** What was read of the partition is not believed any more. */
  forget(partition: Partition): void {
    this.#ranges.forget(partition);
    this.#walks.forget(partition);
    this.catchUp.forget(partition);
  }

  stop(): void {
    this.#ranges.stop();
  }
}
