/**
 * The poison answers near the end of outbound, by inbound offset. A writer that died may have left the last of them without
 * their dead letters: it sends no batch while letters of an earlier, folded one are missing, and has at most two batches
 * out, so everything older is complete.
 */

import type { PoisonEntry } from '../../adapters/snapshots/chunks.ts';
import type { Offset } from '../../core/ids.ts';
import type { OutboundRecord } from '../../core/log/record.ts';
import { MAX_OUTBOUND_RECORD_BYTES } from './check.ts';

export interface PoisonNote {
  readonly inbound: Offset;
  readonly inboundTime: number;
  readonly reason: string;
}

/** Records that are always looked back at, whatever their size: two batches of one large record each. */
const MIN_RECORDS = 2;

/** How far back letters may be missing: two batches, of which each is either capped or one record as large as outbound takes. */
export function windowBytes(batchBytes: number): number {
  return 2 * (batchBytes + MAX_OUTBOUND_RECORD_BYTES);
}
/** Most notes that are kept; a window of nothing but small poison answers. */
const MAX_NOTES = 20_000;

export class RecentPoison {
  readonly #windowBytes: number;
  #notes: Array<PoisonNote & { readonly at: number; readonly record: number }> = [];
  #bytes = 0;
  #records = 0;

  /** `windowBytes`: how far to look back; more than two batches. */
  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
  }

  /** Goes on where another one was. */
  restore(entries: readonly PoisonEntry[]): void {
    this.#notes = entries.map(({ inbound, inboundTime, reason, bytesAfter, recordsAfter }) => ({
      inbound,
      inboundTime,
      reason,
      at: this.#bytes - bytesAfter,
      record: this.#records - recordsAfter,
    }));
  }

  /** Those within the window, for a snapshot. */
  entries(): PoisonEntry[] {
    this.notes();
    return this.#notes.map(({ inbound, inboundTime, reason, at, record }) => ({
      inbound,
      inboundTime,
      reason,
      bytesAfter: this.#bytes - at,
      recordsAfter: this.#records - record,
    }));
  }

  /** An accepted record, in order. `bytes`: its size. */
  note(record: OutboundRecord, bytes: number): void {
    this.#bytes += bytes;
    this.#records++;
    if (record.answer?.code !== 'poison') return;
    const { inbound, inboundTime, answer } = record;
    this.#notes.push({ inbound, inboundTime, reason: answer.reason ?? '', at: this.#bytes, record: this.#records });
    if (this.#notes.length > MAX_NOTES) this.#notes.splice(0, MAX_NOTES / 2);
  }

  /** Those within the window, oldest first. */
  notes(): readonly PoisonNote[] {
    this.#notes = this.#notes.filter(
      ({ at, record }) => this.#bytes - at <= this.#windowBytes || this.#records - record < MIN_RECORDS,
    );
    return this.#notes;
  }
}
