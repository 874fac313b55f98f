/** What was read of the log a moment ago, for those who need it next: by place, up to a number of bytes, what was wanted least lately goes. */
import type { Partition } from '../../core/ids.ts';
import type { Stretch } from './stretch.ts';

export class KeptStretches {
  readonly #limitBytes: number;
  /** In the order of their last use. */
  readonly #used = new Set<Stretch>();
  /** Each partition's, by where they begin. */
  readonly #placed = new Map<Partition, Stretch[]>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** One that covers an offset. */
  covering(partition: Partition, offset: number): Stretch | undefined {
    const placed = this.#placed.get(partition) ?? [];
    const found = placed[countBelow(placed, offset + 1) - 1];
    if (found === undefined || !found.covers(offset)) return undefined;
    this.#used.delete(found);
    this.#used.add(found);
    return found;
  }

  /** Where the next one above an offset begins. */
  beginAbove(partition: Partition, offset: number): number {
    const placed = this.#placed.get(partition) ?? [];
    return placed[countBelow(placed, offset + 1)]?.from ?? Number.POSITIVE_INFINITY;
  }

  keep(stretch: Stretch): void {
    if (stretch.next.offset <= stretch.from) return;
    const placed = this.#placed.get(stretch.partition) ?? [];
    this.#placed.set(stretch.partition, placed);
    const at = countBelow(placed, stretch.from);
    const same = placed[at];
    if (same?.from === stretch.from) this.#drop(same);
    placed.splice(at, 0, stretch);
    this.#used.add(stretch);
    this.#bytes += stretch.bytes;
    for (const oldest of this.#used) {
      if (this.#bytes <= this.#limitBytes) break;
      this.#drop(oldest);
    }
  }

  /** What a partition's fold was told anew may have been judged otherwise. */
  forget(partition: Partition): void {
    for (const stretch of [...(this.#placed.get(partition) ?? [])]) this.#drop(stretch);
  }

  #drop(stretch: Stretch): void {
    if (!this.#used.delete(stretch)) return;
    this.#bytes -= stretch.bytes;
    const placed = this.#placed.get(stretch.partition) as Stretch[];
    placed.splice(placed.indexOf(stretch), 1);
  }
}

/** How many of them begin below an offset. */
function countBelow(placed: readonly Stretch[], offset: number): number {
  let low = 0;
  let high = placed.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((placed[middle] as Stretch).from < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
