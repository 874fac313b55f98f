/**
 * In which order the log is read for those who catch up: a few reads at a time over all partitions, no more bytes a second than
 * allowed. Partitions take turns. Within one the reads sweep upwards, so that all who are behind gather at the same place and go on together; a sweep
 * ends after so many reads, and the next one begins with the lowest that waits, so that nobody who reads on and on keeps others waiting.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { TokenBucket } from '../../core/limits/token-bucket.ts';
import type { Clock } from '../../core/ports/clock.ts';

/** Reads that run at the same time. */
const MAX_CONCURRENT_READS = 4;
/** Reads of one sweep, where others wait below it. */
const MAX_SWEEP_READS = 64;
/** Reads that wait for their turn. Each is of another place, and somebody waits for it. */
const MAX_WAITING_READS = 65_536;
/** What a client is told to wait where there are more, ms. */
const RETRY_AFTER_MS = 2_000;

interface Read {
  readonly offset: number;
  readonly bytes: number;
  readonly start: () => void;
}

interface Sweep {
  readonly waiting: Read[];
  at: number;
  reads: number;
}

export interface ReadOrderOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** Bytes of records, about. */
  readonly bytesPerSecond: number;
}

export class ReadOrder {
  readonly #burstBytes: number;
  readonly #bucket: TokenBucket;
  /** In the order of their turns. */
  readonly #sweeps = new Map<Partition, Sweep>();
  #waiting = 0;
  #running = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor({ clock, bytesPerSecond }: ReadOrderOptions) {
    this.#burstBytes = bytesPerSecond;
    this.#bucket = new TokenBucket({ perSecond: bytesPerSecond, burst: bytesPerSecond, now: () => clock.monotonic() });
  }

  /** Reads that wait for their turn. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Runs `read`, of about so many bytes from an offset on, when its turn comes. Throws `unavailable` where too many wait. */
  async run<T>(partition: Partition, offset: number, bytes: number, read: () => Promise<T>): Promise<T> {
    if (this.#waiting >= MAX_WAITING_READS) {
      const details = { retryAfter: RETRY_AFTER_MS };
      throw new RoomlogError('unavailable', 'Too many clients read old events.', { details });
    }
    await new Promise<void>((start) => {
      const sweep = this.#sweeps.get(partition) ?? { waiting: [], at: 0, reads: 0 };
      this.#sweeps.set(partition, sweep);
      sweep.waiting.push({ offset, bytes, start });
      this.#waiting += 1;
      this.#startNext();
    });
    try {
      return await read();
    } finally {
      this.#running -= 1;
      this.#startNext();
    }
  }

  /** Nothing is held back any more, so that all who wait come to an end. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#waiting > 0) this.#start(this.#first());
  }

  #startNext(): void {
    while (this.#timer === null && this.#running < MAX_CONCURRENT_READS && this.#waiting > 0) {
      const first = this.#first();
      const waitMs = this.#bucket.take(Math.min(first.read.bytes, this.#burstBytes));
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.#startNext();
        }, waitMs);
        return;
      }
      this.#start(first);
    }
  }

  #first(): { partition: Partition; sweep: Sweep; read: Read } {
    for (const [partition, sweep] of this.#sweeps) {
      const { waiting, at, reads } = sweep;
      const ahead = reads < MAX_SWEEP_READS ? waiting.filter(({ offset }) => offset >= at) : [];
      const read = lowest(ahead) ?? lowest(waiting);
      if (read !== undefined) return { partition, sweep, read };
    }
    throw new Error('no read waits');
  }

  #start({ partition, sweep, read }: { partition: Partition; sweep: Sweep; read: Read }): void {
    const begins = read.offset < sweep.at || sweep.reads >= MAX_SWEEP_READS;
    sweep.reads = begins ? 1 : sweep.reads + 1;
    sweep.at = read.offset;
    sweep.waiting.splice(sweep.waiting.indexOf(read), 1);
    this.#waiting -= 1;
    this.#running += 1;
    // Its next turn comes after all others'.
    this.#sweeps.delete(partition);
    this.#sweeps.set(partition, sweep);
    read.start();
  }
}

function lowest(reads: readonly Read[]): Read | undefined {
  let found = reads[0];
  for (const read of reads) if (found === undefined || read.offset < found.offset) found = read;
  return found;
}
