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
  /** The inbound record's timestamp, ms. */
  readonly time: number;
  readonly reason: string;
  /** The letter's own append time, ms. */
  readonly writtenAt: number;
}

/** Poison answers of one partition whose letters are looked for; of more it is only told how many. */
const MAX_POISONED = 500_000;

const nameOf = ({ inbound, time }: { readonly inbound: Offset; readonly time: number }): string => `${inbound}/${time}`;

/** The inbound offsets whose answers were read, both inclusive, and the first one's timestamp. */
export interface Checked {
  readonly from: Offset;
  readonly to: Offset;
  readonly sinceMs: number;
}

export class LetterCheck {
  readonly byReason = new Map<string, number>();
  repeats = 0;
  /** Poison answers past `MAX_POISONED`. */
  unchecked = 0;
  readonly #partition: Partition;
  /** By offset and timestamp: a recreated inbound has the same offsets again. */
  readonly #poisoned = new Map<string, Poisoned>();
  readonly #found = new Set<string>();

  constructor(partition: Partition) {
    this.#partition = partition;
  }

  poisoned(answer: Poisoned): void {
    if (this.#poisoned.size >= MAX_POISONED) this.unchecked++;
    else this.#poisoned.set(nameOf(answer), answer);
  }

  expects(seen: LetterSeen): boolean {
    return this.#poisoned.has(nameOf(seen));
  }

  get missing(): number {
    return this.#poisoned.size - this.#found.size;
  }

  /** A letter of any partition. `checked`: the inbound offsets whose answers were read, both inclusive. */
  letter(seen: LetterSeen, checked: Checked, findings: Findings): void {
    const { partition, inbound, reason } = seen;
    if (partition !== this.#partition || inbound < checked.from || inbound > checked.to) return;
    const name = nameOf(seen);
    const answer = this.#poisoned.get(name);
    if (answer === undefined) {
      if (this.unchecked > 0 || seen.time < checked.sinceMs) return;
      const message = `a dead letter (${reason}) for a record that was not answered as poison`;
      findings.add({ kind: 'letter_unfounded', partition, inbound, outbound: null, message });
      return;
    }
    if (this.#found.has(name)) {
      this.repeats++;
      return;
    }
    this.#found.add(name);
    countUp(this.byReason, reason);
    if (reason === answer.reason) return;
    const message = `the dead letter says ${reason}, the answer ${answer.reason}`;
    findings.add({ kind: 'letter_mismatch', partition, inbound, outbound: answer.outbound, message });
  }

  /** Letters that should be there. `retainedSince`: older letters may have been deleted, ms; -Infinity: none was. */
  finish(retainedSince: number, findings: Findings): void {
    for (const [name, { inbound, outbound, reason, time }] of this.#poisoned) {
      if (this.#found.has(name) || time < retainedSince) continue;
      const message = `answered as poison (${reason}), but no dead letter holds it`;
      findings.add({ kind: 'letter_missing', partition: this.#partition, inbound, outbound, message });
    }
  }
}
