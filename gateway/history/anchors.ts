/**
 * Places of one partition at which this gateway's own fold noted (offset, epoch, lastInbound, log time), so that a reader of a
 * range can start there and prove which records are accepted. Bounded: when there are too many, every other one is forgotten
 * and new ones come half as often.
 */
import type { Offset } from '../../core/ids.ts';
import type { Anchor, Chain } from '../../core/log/chain.ts';

export interface AnchorsOptions {
  /** Records between two anchors, while there are few. Default: 250. */
  readonly everyRecords?: number;
  /** Bytes of records between two anchors, where that comes first. Default: 64 KiB. */
  readonly everyBytes?: number;
  /** Anchors kept, at most. Default: 8,192. */
  readonly max?: number;
}

export class Anchors {
  readonly #max: number;
  #everyRecords: number;
  #everyBytes: number;
  #anchors: Anchor[] = [];
  #records = 0;
  #bytes = 0;
  #allRecords = 0;
  #allBytes = 0;

  constructor(options: AnchorsOptions = {}) {
    this.#everyRecords = options.everyRecords ?? 250;
    this.#everyBytes = options.everyBytes ?? 65_536;
    this.#max = options.max ?? 8_192;
  }

  get size(): number {
    return this.#anchors.length;
  }

  /** The oldest place from which history can be proven. */
  get oldest(): Anchor | undefined {
    return this.#anchors[0];
  }

  /** Bytes of a record on average; null before any was folded. */
  get recordBytes(): number | null {
    return this.#allRecords === 0 ? null : this.#allBytes / this.#allRecords;
  }

  /** Counts a folded record of `bytes`; notes an anchor behind it when one is due. */
  passed(chain: Chain, next: Offset, bytes: number): void {
    this.#records += 1;
    this.#bytes += bytes;
    this.#allRecords += 1;
    this.#allBytes += bytes;
    if (this.#records < this.#everyRecords && this.#bytes < this.#everyBytes) return;
    if (chain.settled) this.note(chain.anchor(next));
  }

  /** Notes an anchor; ignored unless it is newer than all others. */
  note(anchor: Anchor): void {
    this.#records = 0;
    this.#bytes = 0;
    const newest = this.#anchors.at(-1);
    if (newest !== undefined && anchor.offset <= newest.offset) return;
    this.#anchors.push(anchor);
    if (this.#anchors.length <= this.#max) return;
    this.#anchors = this.#anchors.filter((_, index) => index % 2 === 0);
    this.#everyRecords *= 2;
    this.#everyBytes *= 2;
  }

  /** Forgets all, and notes these, which are ascending. */
  replace(anchors: readonly Anchor[]): void {
    this.#anchors = [];
    for (const anchor of anchors) this.note(anchor);
  }

  /** The newest anchor at or below an offset; undefined where all are above it. */
  atOrBelow(offset: number): Anchor | undefined {
    return this.#anchors[this.#count((anchor) => anchor.offset <= offset) - 1];
  }

  /** The oldest anchor above an offset. */
  above(offset: number): Anchor | undefined {
    return this.#anchors[this.#count((anchor) => anchor.offset <= offset)];
  }

  /** The newest anchor whose log time is below `timeMs`: whatever has that time or a later one comes after it. */
  before(timeMs: number): Anchor | undefined {
    return this.#anchors[this.#count((anchor) => anchor.logTime < timeMs) - 1];
  }

  /** Retention has passed: forgets what points below `start`. */
  dropBelow(start: number): void {
    this.#anchors.splice(
      0,
      this.#count((anchor) => anchor.offset < start),
    );
  }

  /** How many anchors from the oldest on fulfil a condition that holds up to some place and not after it. */
  #count(holds: (anchor: Anchor) => boolean): number {
    let low = 0;
    let high = this.#anchors.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.#anchors[middle] as Anchor)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
