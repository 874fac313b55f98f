/** What verify finds wrong: a name, the place to look at, and a sentence. Everything is counted; only so many are listed. */
import type { Offset, Partition } from '../../core/ids.ts';

export type FindingKind =
  /** The chain of outbound is broken: no reader gets past it, so neither does verify. */
  | 'epoch_ahead'
  | 'chain_gap'
  | 'stream_conflict'
  | 'corrupt_record'
  | 'no_claim'
  /** Inbound and outbound do not belong together. */
  | 'inbound_unanswered'
  | 'answer_without_inbound'
  | 'input_lost'
  | 'content_mismatch'
  | 'time_mismatch'
  | 'log_time_wrong'
  | 'poison_sequenced'
  | 'answer_unfounded'
  /** Numbers within a room, a session, a key. */
  | 'seq_hole'
  | 'seq_repeat'
  | 'pub_hole'
  | 'pub_repeat'
  | 'session_invalid'
  | 'key_repeat'
  /** Dead letters. */
  | 'letter_missing'
  | 'letter_unfounded'
  | 'letter_mismatch';

export interface Finding {
  readonly kind: FindingKind;
  readonly partition: Partition;
  /** Where to look; null where there is no such record. */
  readonly inbound: Offset | null;
  readonly outbound: Offset | null;
  readonly message: string;
}

/** As far as others look at it. */
export interface Found {
  readonly listed: readonly Finding[];
  readonly counts: ReadonlyMap<FindingKind, number>;
  readonly total: number;
}

export class Findings implements Found {
  readonly listed: Finding[] = [];
  readonly counts = new Map<FindingKind, number>();
  total = 0;
  readonly #limit: number;

  /** `limit`: findings that are listed; all are counted. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  /** Takes over what was found apart. */
  merge(other: Found): void {
    for (const [kind, count] of other.counts) this.counts.set(kind, (this.counts.get(kind) ?? 0) + count);
    this.total += other.total;
    this.listed.push(...other.listed.slice(0, Math.max(0, this.#limit - this.listed.length)));
  }

  add(finding: Finding): void {
    this.total++;
    this.counts.set(finding.kind, (this.counts.get(finding.kind) ?? 0) + 1);
    if (this.listed.length < this.#limit) this.listed.push(finding);
  }
}

/** Adds one to a count. */
export function countUp<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
