/** Which claim fenced which writer: the stale records of one partition by the epoch that they were written under. */
import type { Epoch, Offset } from '../../core/ids.ts';

/** Stale records of one epoch, and the first claim after that epoch, which made them stale. */
export interface Fenced {
  readonly epoch: Epoch;
  /** Offset of the claim; null for records that stand before any claim. */
  readonly fencedBy: Offset | null;
  readonly records: number;
  /** Offset of the first of them. */
  readonly first: Offset;
}

/** Claims remembered per partition, the newest ones; a zombie of an epoch older than all of them is said to be fenced by the oldest. */
const MAX_CLAIMS = 100_000;
/** Epochs with stale records that are told apart per partition; those of more are counted only. */
const MAX_EPOCHS = 1_000;

export class Fences {
  /** Ascending. */
  #claims: Offset[] = [];
  readonly #byEpoch = new Map<Epoch, { fencedBy: Offset | null; records: number; first: Offset }>();
  claims = 0;
  stale = 0;

  claim(offset: Offset): void {
    this.claims++;
    this.#claims.push(offset);
    if (this.#claims.length > MAX_CLAIMS) this.#claims = this.#claims.slice(MAX_CLAIMS / 2);
  }

  noteStale(offset: Offset, epoch: Epoch): void {
    this.stale++;
    const known = this.#byEpoch.get(epoch);
    if (known !== undefined) {
      known.records++;
      return;
    }
    if (this.#byEpoch.size === MAX_EPOCHS) return;
    this.#byEpoch.set(epoch, { fencedBy: this.#firstClaimAfter(epoch), records: 1, first: offset });
  }

  fenced(): Fenced[] {
    return [...this.#byEpoch].map(([epoch, rest]) => ({ epoch, ...rest })).sort((a, b) => a.epoch - b.epoch);
  }

  #firstClaimAfter(epoch: Epoch): Offset | null {
    let low = 0;
    let high = this.#claims.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#claims[middle] as number) > epoch) high = middle;
      else low = middle + 1;
    }
    return this.#claims[low] ?? null;
  }
}
