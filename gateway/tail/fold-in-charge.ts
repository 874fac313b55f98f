/** What a partition is known to hold, and, while it is read again, the fold that will take its place. */

import type { Offset } from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import type { FoldStart } from './fold-start.ts';

export class FoldInCharge {
  #known = new Fold();
  #rebuilding: Fold | null = null;
  #snapshot: Offset | null = null;

  /** What questions are answered from. */
  get known(): Fold {
    return this.#known;
  }

  /** What records are applied to. */
  get reading(): Fold {
    return this.#rebuilding ?? this.#known;
  }

  get isRebuilding(): boolean {
    return this.#rebuilding !== null;
  }

  /** The snapshot that `reading` began at; null where it began at the log's start. */
  get snapshot(): Offset | null {
    return this.#snapshot;
  }

  /** Goes on from `start` at once. */
  replace({ fold, snapshot }: FoldStart): void {
    this.#known = fold;
    this.#rebuilding = null;
    this.#snapshot = snapshot;
  }

  /** Reads on from `start`; what was known stays true until `take`. */
  rebuild({ fold, snapshot }: FoldStart): void {
    this.#rebuilding = fold;
    this.#snapshot = snapshot;
  }

  /** The fold that is rebuilt has come as far as the one it replaces. */
  take(): void {
    this.#known = this.reading;
    this.#rebuilding = null;
  }
}
