/**
 * Places behind a fold where a reader of a range can start, kept for the whole retained log in bounded memory: evenly
 * spread over it. No two are further apart than four times as far as `max` of them would have to be; that much of what retention is about
 * to take may lie before the oldest.
 */
import type { Offset } from '../ids.ts';
import type { Anchor, Chain } from './chain.ts';

/** Records, and bytes of records, between two new anchors, whichever comes first. */
const EVERY_RECORDS = 250;
const EVERY_BYTES = 65_536;
/** Anchors kept; with one more, the one that is missed least goes. */
const MAX_ANCHORS = 8_192;

export class AnchorTrail {
  readonly #max: number;
  #anchors: Anchor[];
  #records = 0;
  #bytes = 0;

  /** `anchors`: where another trail was, ascending. */
  constructor(anchors: readonly Anchor[] = [], max: number = MAX_ANCHORS) {
    this.#anchors = [...anchors];
    this.#max = max;
  }

  /** Counts a folded record of `bytes`; notes an anchor behind it when one is due. */
  passed(chain: Chain, next: Offset, bytes: number): void {
    this.#records++;
    this.#bytes += bytes;
    if (this.#records < EVERY_RECORDS && this.#bytes < EVERY_BYTES) return;
    if (chain.settled) this.note(chain.anchor(next));
  }

  /** Ignored unless it is above all others. */
  note(anchor: Anchor): void {
    this.#records = 0;
    this.#bytes = 0;
    const newest = this.#anchors.at(-1);
    if (newest !== undefined && anchor.offset <= newest.offset) return;
    this.#anchors.push(anchor);
    if (this.#anchors.length > this.#max) this.#thin();
  }

  /** Retention has passed: forgets what points below `start`. */
  dropBelow(start: Offset): void {
    const kept = this.#anchors.findIndex(({ offset }) => offset >= start);
    this.#anchors.splice(0, kept === -1 ? this.#anchors.length : kept);
  }

  /** Takes out the one whose absence makes the shortest distance, so that the trail stays even, however long it gets. */
  #thin(): void {
    const anchors = this.#anchors;
    let at = 1;
    let shortest = Number.POSITIVE_INFINITY;
    for (let index = 1; index < anchors.length - 1; index++) {
      const distance = (anchors[index + 1] as Anchor).offset - (anchors[index - 1] as Anchor).offset;
      if (distance >= shortest) continue;
      shortest = distance;
      at = index;
    }
    anchors.splice(at, 1);
  }

  /** A copy, ascending. */
  anchors(): Anchor[] {
    return [...this.#anchors];
  }
}
