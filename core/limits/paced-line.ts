/**
 * Lets things begin no faster than a rate: what comes too early waits in line, and what would wait too long is told when to come again. Those who
 * are sent away are told different times, so that they don't come back all at once.
 */
import type { Clock } from '../ports/clock.ts';
import { Queue } from './queue.ts';
import { TokenBucket } from './token-bucket.ts';

/** Longest time that anybody is told to stay away, ms. */
const MAX_AWAY_MS = 60_000;
/** This part of a second's may begin at once: few, since they take one turn of the event loop, and fewer begin while that is slow. */
const BURSTS_PER_SECOND = 500;

export interface PacedLineOptions {
  readonly perSecond: number;
  /** Longest wait in line. */
  readonly maxWaitMs: number;
  readonly clock: Pick<Clock, 'monotonic'>;
}

/** False where it has become pointless meanwhile: then the next one takes its place. */
export type Begin = () => boolean;

export class PacedLine {
  readonly #perSecond: number;
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #line: Queue<Begin>;
  readonly #bucket: TokenBucket;
  #timer: NodeJS.Timeout | null = null;
  /** Up to when the places behind the line are promised, ms. */
  #promisedUntil = 0;
  #refused = 0;

  constructor({ perSecond, maxWaitMs, clock }: PacedLineOptions) {
    this.#perSecond = perSecond;
    this.#clock = clock;
    this.#line = new Queue(Math.max(1, Math.floor((perSecond * maxWaitMs) / 1_000)));
    const burst = Math.max(1, Math.ceil(perSecond / BURSTS_PER_SECOND));
    this.#bucket = new TokenBucket({ perSecond, burst, now: () => clock.monotonic() });
  }

  get waiting(): number {
    return this.#line.size;
  }

  get refused(): number {
    return this.#refused;
  }

  /** 0: it begins now, or when its turn comes. Else it never will, and this is when to ask again, ms from now. */
  enter(begin: Begin): number {
    if (!this.#line.push(begin)) return this.#refuse();
    if (this.#timer === null) this.#advance();
    return 0;
  }

  /** Nothing is held back any more: all who wait begin now, and find that what they wait for has stopped. Nobody is left waiting. */
  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (let begin = this.#line.shift(); begin !== undefined; begin = this.#line.shift()) begin();
  }

  #advance(): void {
    for (let begin = this.#line.peek(); begin !== undefined; begin = this.#line.peek()) {
      const waitMs = this.#bucket.take();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.#advance();
        }, waitMs);
        return;
      }
      this.#line.shift();
      while (!begin()) {
        const next = this.#line.shift();
        if (next === undefined) return;
        begin = next;
      }
    }
  }

  #refuse(): number {
    this.#refused += 1;
    const now = this.#clock.monotonic();
    const lineMs = (this.#line.size * 1_000) / this.#perSecond;
    this.#promisedUntil = Math.max(this.#promisedUntil, now + lineMs) + 1_000 / this.#perSecond;
    return Math.min(MAX_AWAY_MS, Math.ceil(this.#promisedUntil - now));
  }
}
