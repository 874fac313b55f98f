/** Hands out what a partition's fold accepted, once: its bytes into the hot ring, the event to whoever listens. */
import type { Buffer } from 'node:buffer';
import { NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import type { OutboundHead, OutboundRecord } from '../../core/log/record.ts';
import type { Codec } from '../../schemas/codec.ts';
import { LogEvent, readAgain } from '../history/log-event.ts';
import { Ring } from '../history/ring.ts';
import type { FoldStart } from './fold-start.ts';
import type { PartitionListener } from './partition-listener.ts';

export interface HandOutOptions {
  readonly partition: Partition;
  readonly codec: Pick<Codec, 'viewOutbound' | 'ensureSchema'>;
  readonly ringBytes: number;
  readonly listener: Pick<PartitionListener, 'onEvent' | 'onAnswer' | 'onClaim'>;
  /** Throws `unavailable` before a claim told it. */
  streamId(): string;
}

export class HandOut {
  readonly ring: Ring;
  readonly #options: HandOutOptions;
  #newestExpiring: Offset = NO_OFFSET;
  #from: Offset = 0 as Offset;

  constructor(options: HandOutOptions) {
    const { partition, codec, ringBytes, streamId } = options;
    this.#options = options;
    this.ring = new Ring(ringBytes, (offset, record) => readAgain(codec, streamId(), partition, offset, record));
  }

  /** The greatest offset of an event that can expire; -1 if there was none. */
  get newestExpiring(): Offset {
    return this.#newestExpiring;
  }

  /** Nobody waits for what lies below `end`, and the ring can hold no more than its newest part: the rest is not even made. */
  begin(end: Offset): void {
    this.#from = Math.max(0, end - this.ring.maxEvents) as Offset;
  }

  /** What comes next does not follow what was handed out. */
  jump({ from, snapshot }: FoldStart): void {
    this.ring.clear();
    // Those below a snapshot are not known.
    if (snapshot !== null) this.#newestExpiring = (from - 1) as Offset;
  }

  /** Whether a record is only to be folded, if that: `passed` is told of it, not `accepted`. */
  isPast(offset: Offset): boolean {
    return offset < this.#from;
  }

  passed(offset: Offset, { event }: OutboundHead): void {
    if (event !== null && event.expiresAt !== null) this.#newestExpiring = offset;
  }

  /** @param bytes the record's */
  accepted(offset: Offset, record: OutboundRecord, bytes: Buffer): void {
    this.passed(offset, record);
    const { event, answer } = record;
    const { partition, listener, streamId } = this.#options;
    if (answer !== null) listener.onAnswer(answer);
    if (event === null) return;
    const made = new LogEvent(streamId(), partition, offset, event);
    this.ring.push(event, offset, bytes);
    listener.onEvent(made);
  }
}
