/**
 * How many publishes a gateway takes, so that neither its memory nor the way through the log fills up with more than comes out. Per
 * partition, since one that is slow must not shut the others:
 *
 *     below the high-water mark      taken
 *     above it                       taken, but the socket that it came from is not read for a while: TCP pushes back
 *     above the limit, or stalled    `unavailable` with `retryAfter`; nothing was produced
 *
 * What counts is what was produced and not seen in outbound yet (`delay-window.ts`), given up by its client or not. A client that gets no
 * answer in `publishTimeoutMs` comes back and sends all again; without a bound on what is under way those repeats would lengthen the
 * queue that they stand in, and an overload would feed itself.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { DelayWindow } from '../../core/limits/delay-window.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type HeldReader, HeldReaders } from './held-readers.ts';

/** Publishes are to be answered within this part of the time after which their clients are sent away. */
const TARGET_PART = 3;
/** The hard limit of a partition, in its windows: what sockets bring that were being read as the first was full. */
const HARD_WINDOWS = 2;
/** At this part of a limit sockets are left unread, and below the other read on. A window is that part of its partition's hard limit. */
const HIGH_WATER_PART = HARD_WINDOWS;
const LOW_WATER_PART = 4;
/** What one partition may have of the limits that all share. */
const PARTITION_PART = 2;
/** In a partition in which nothing comes out, one publish in this time is let through to find out whether it does again, ms. */
const PROBE_MS = 1_000;
/** Bounds of `retryAfter`, ms. */
const MIN_RETRY_MS = 1_000;
const MAX_RETRY_MS = 10_000;

export interface AdmissionLimits {
  readonly maxPendingPublishes: number;
  readonly maxQueuedBytes: number;
  readonly publishTimeoutMs: number;
}

export interface AdmissionOptions {
  readonly partitions: number;
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly limits: AdmissionLimits;
  /** Bytes not known to be in inbound; of all partitions where none is given. */
  readonly queuedBytes: (partition?: Partition) => number;
  /** Told each time that a publish was turned away, or a socket left unread. */
  readonly onLimit?: (what: 'refused' | 'held') => void;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #windows: readonly DelayWindow[];
  readonly #probedAtMs: number[];
  readonly #held: HeldReaders;
  readonly #targetMs: number;
  #underWay = 0;

  constructor(options: AdmissionOptions) {
    const { partitions, clock, limits } = options;
    const now = (): number => clock.monotonic();
    this.#options = options;
    this.#targetMs = limits.publishTimeoutMs / TARGET_PART;
    const maxWindow = Math.max(1, Math.floor(this.#share(limits.maxPendingPublishes) / HARD_WINDOWS));
    this.#windows = Array.from(
      { length: partitions },
      () => new DelayWindow({ now, targetMs: this.#targetMs, maxWindow }),
    );
    this.#probedAtMs = new Array<number>(partitions).fill(Number.NEGATIVE_INFINITY);
    this.#held = new HeldReaders({
      now,
      maxHeldMs: this.#targetMs,
      hasRoom: (partition) => !this.#isAbove(partition, LOW_WATER_PART),
    });
  }

  /** Publishes that were produced, or are about to be, and were not seen in outbound. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Sockets that are not read for now. */
  get held(): number {
    return this.#held.size;
  }

  /** Partitions that take only probes. */
  get stalled(): number {
    return this.#windows.filter((window) => window.oldestMs > this.#targetMs).length;
  }

  /** Throws `unavailable`. */
  check(partition: Partition): void {
    const window = this.#window(partition);
    if (window.oldestMs > this.#targetMs) {
      const now = this.#options.clock.monotonic();
      if (now - (this.#probedAtMs[partition] as number) < PROBE_MS) throw this.#refusal(window);
      this.#probedAtMs[partition] = now;
    } else if (this.#isAbove(partition, 1)) throw this.#refusal(window);
  }

  entered(partition: Partition, counter: number): void {
    const window = this.#window(partition);
    const before = window.size;
    window.entered(counter);
    this.#underWay += window.size - before;
  }

  /** The log has told of it. */
  cameOut(partition: Partition, counter: number): void {
    this.#change(partition, (window) => window.cameOut(counter));
  }

  /** It surely is not in the log, and never will be. */
  withdrawn(partition: Partition, counter: number): void {
    this.#change(partition, (window) => window.withdrawn(counter));
  }

  /** Leaves the socket unread for now where a publish to this partition has filled it up to the high-water mark. */
  holdIfFull(partition: Partition, reader: HeldReader): void {
    if (!this.#isAbove(partition, HIGH_WATER_PART)) return;
    this.#options.onLimit?.('held');
    this.#held.hold(partition, reader);
  }

  forget(reader: HeldReader): void {
    this.#held.forget(reader);
  }

  /** To be called a few times a second. */
  sweep(): void {
    this.#held.sweep();
  }

  #change(partition: Partition, change: (window: DelayWindow) => void): void {
    const window = this.#window(partition);
    const before = window.size;
    change(window);
    this.#underWay -= before - window.size;
    this.#held.look();
  }

  /**
   * Whether a limit that all share, or one of the partition's, is used up to this part. Of what all share the half that one partition may
   * have is left out: were it stuck and full, it alone would keep the sockets of all others unread.
   */
  #isAbove(partition: Partition, part: number): boolean {
    const { maxPendingPublishes, maxQueuedBytes } = this.#options.limits;
    const { queuedBytes } = this.#options;
    const window = this.#window(partition);
    const shared = 1 / PARTITION_PART + (1 - 1 / PARTITION_PART) / part;
    return (
      this.#underWay >= maxPendingPublishes * shared ||
      queuedBytes() >= maxQueuedBytes * shared ||
      queuedBytes(partition) >= this.#share(maxQueuedBytes) / part ||
      window.size >= (HARD_WINDOWS * window.window) / part
    );
  }

  #share(limit: number): number {
    return this.#options.partitions === 1 ? limit : limit / PARTITION_PART;
  }

  #refusal({ waitMs }: DelayWindow): RoomlogError {
    this.#options.onLimit?.('refused');
    const retryAfter = Math.ceil(Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, (waitMs ?? 0) / 2)));
    return new RoomlogError('unavailable', 'Too many publishes wait for their answer.', { details: { retryAfter } });
  }

  #window(partition: Partition): DelayWindow {
    return this.#windows[partition] as DelayWindow;
  }
}
