/** One dead letter for each poison answer of a partition, with its reason; repeats of a letter are allowed and counted. */
import type { Offset, Partition } from '../../core/ids.ts';
import { countUp, type Findings } from './finding.ts';

export interface Poisoned {
  readonly inbound: Offset;
  readonly outbound: Offset;
  readonly reason: string;
  /** The inbound record's timestamp, ms. */
  readonly time: number;
}

export interface LetterSeen {
  readonly partition: Partition;
  readonly inbound: Offset;
  readonly reason: string;
  /** The letter's own append time, ms. */
  readonly writtenAt: number;
}

/** Poison answers of one partition whose letters are looked for; of more it is only told how many. */
const MAX_POISONED = 500_000;

export class LetterCheck {
  readonly byReason = new Map<string, number>();
  repeats = 0;
  /** Poison answers past `MAX_POISONED`. */
  unchecked = 0;
  readonly #partition: Partition;
  readonly #poisoned = new Map<Offset, Poisoned>();
  readonly #found = new Set<Offset>();

  constructor(partition: Partition) {
    this.#partition = partition;
  }

  poisoned(answer: Poisoned): void {
    if (this.#poisoned.size >= MAX_POISONED) this.unchecked++;
    else this.#poisoned.set(answer.inbound, answer);
  }

  expects(inbound: Offset): boolean {
    return this.#poisoned.has(inbound);
  }

  get missing(): number {
    return this.#poisoned.size - this.#found.size;
  }

  /** A letter of any partition. `checked`: the inbound offsets whose answers were read, both inclusive. */
  letter(seen: LetterSeen, checked: { readonly from: Offset; readonly to: Offset }, findings: Findings): void {
    const { partition, inbound, reason } = seen;
    if (partition !== this.#partition || inbound < checked.from || inbound > checked.to) return;
    const answer = this.#poisoned.get(inbound);
    if (answer === undefined) {
      if (this.unchecked > 0) return;
      const message = `a dead letter (${reason}) for a record that was not answered as poison`;
      findings.add({ kind: 'letter_unfounded', partition, inbound, outbound: null, message });
      return;
    }
    if (this.#found.has(inbound)) {
      this.repeats++;
      return;
    }
    this.#found.add(inbound);
    countUp(this.byReason, reason);
    if (reason === answer.reason) return;
    const message = `the dead letter says ${reason}, the answer ${answer.reason}`;
    findings.add({ kind: 'letter_mismatch', partition, inbound, outbound: answer.outbound, message });
  }

  /** Letters that should be there. `retainedSince`: older letters may have been deleted, ms; -Infinity: none was. */
  finish(retainedSince: number, findings: Findings): void {
    for (const { inbound, outbound, reason, time } of this.#poisoned.values()) {
      if (this.#found.has(inbound) || time < retainedSince) continue;
      const message = `answered as poison (${reason}), but no dead letter holds it`;
      findings.add({ kind: 'letter_missing', partition: this.#partition, inbound, outbound, message });
    }
  }
}
