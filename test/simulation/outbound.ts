/** Everything that outbound ever held, as the checker reads it, whatever retention has deleted since. */
import type { Partition } from '../../core/ids.ts';
import { Findings } from '../checker/anomaly.ts';
import { type LogLine, logLineOf } from '../checker/log-line.ts';
import { type FoldedEvent, foldOwn } from '../checker/own-fold.ts';
import type { Brokers } from './brokers.ts';
import { CODEC } from './shared.ts';

export class Outbound {
  readonly #brokers: Brokers;
  readonly #lines: readonly LogLine[][];

  constructor(brokers: Brokers, partitions: number) {
    this.#brokers = brokers;
    this.#lines = Array.from({ length: partitions }, () => []);
  }

  /** Brings itself up to date, each record decoded once; whether that was needed. */
  read(): boolean {
    const { cluster, topics } = this.#brokers;
    let grown = false;
    for (const [number, lines] of this.#lines.entries()) {
      const { start, slots } = cluster.partition(topics.outbound, number as Partition);
      if (lines.length < start) throw new Error('records of outbound were deleted unseen');
      for (let at = lines.length; at < start + slots.length; at++) {
        const record = CODEC.decodeOutbound(slots[at - start]?.value as Buffer);
        if ('unknownSchema' in record) throw new Error('outbound has a schema that nobody wrote');
        lines.push(logLineOf(number, at, record));
        grown = true;
      }
    }
    return grown;
  }

  get lines(): LogLine[] {
    return this.#lines.flat();
  }

  get events(): readonly FoldedEvent[] {
    return foldOwn(this.lines, new Findings()).events;
  }

  /** The newest inbound offset that was answered, by the rules of the checker's fold. */
  answered(number: number): number {
    let claimedAt = -1;
    let answered = -1;
    for (const { claim, offset, epoch, inbound, prevInbound } of this.#lines[number] ?? []) {
      if (claim) claimedAt = offset;
      else if (epoch === claimedAt && prevInbound === answered) answered = inbound;
    }
    return answered;
  }

  /** Whether every inbound record was answered. */
  get isAnswered(): boolean {
    const { cluster, topics } = this.#brokers;
    return this.#lines.every((_, number) => {
      const { end } = cluster.partition(topics.inbound, number as Partition);
      return this.answered(number) === end - 1;
    });
  }
}
