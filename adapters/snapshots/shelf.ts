/**
 * Which snapshots of a partition stand in its topic, as far as is known: those met on the way to the one that was believed,
 * those that its manifest names, and those written since. So that a writer can take away what nobody needs any more, also
 * what another left half written.
 */
import type { Offset } from '../../core/ids.ts';

/** Snapshots remembered; more would mean that nothing was ever taken away. */
const MAX_KNOWN = 64;
/** Snapshots that a manifest names beside its own. */
export const MAX_OLDER = 16;

/** A snapshot by its offset, and how many chunk keys it may have. */
export interface Shelved {
  readonly offset: Offset;
  readonly chunks: number;
}

export class Shelf {
  readonly #chunks = new Map<Offset, number>();

  /** Something of a snapshot stands, or stood, in the topic. */
  saw(offset: Offset, chunks: number): void {
    const known = this.#chunks.get(offset);
    if (known === undefined && this.#chunks.size >= MAX_KNOWN) return;
    this.#chunks.set(offset, Math.max(known ?? 0, chunks));
  }

  /** Its records were deleted. */
  removed(offset: Offset): void {
    this.#chunks.delete(offset);
  }

  /** All but the kept ones, oldest first. */
  others(kept: ReadonlyArray<Offset | null>): Shelved[] {
    return [...this.#chunks]
      .filter(([offset]) => !kept.includes(offset))
      .map(([offset, chunks]) => ({ offset, chunks }))
      .sort((a, b) => a.offset - b.offset);
  }
}
