/** What a fault of the log means for its reader: read again, and from where, or stop. */
import { RoomlogError } from '../../core/errors.ts';
import { NO_OFFSET, type Offset } from '../../core/ids.ts';
import type { Verdict } from '../../core/log/chain.ts';

export type FaultVerdict = Extract<Verdict, { kind: 'fault' }>;

export interface Retry {
  /** Begin at the newest snapshot at or below this offset (null: at any), else at the log's start. */
  readonly below: Offset | null;
  /** The fold began at a snapshot that may itself be what is wrong: nothing known from it is to be kept. */
  readonly isSnapshotDoubted: boolean;
}

export class Faults {
  /** The newest place that was read again because of a fault. */
  #at: Offset = NO_OFFSET;

  /**
   * Each try for one place begins further back than the one before, so that there is a last one. Throws `fold_halted` or `stream_mismatch`
   * then.
   *
   * @param position everything below was handed out
   * @param snapshot where the fold began that found the fault; null for the log's start
   */
  judge({ fault, message }: FaultVerdict, offset: Offset, position: Offset, snapshot: Offset | null): Retry {
    const mayHaveMissed = fault === 'epoch_ahead' || fault === 'chain_gap';
    if (mayHaveMissed && offset > this.#at) {
      this.#at = offset;
      return { below: position, isSnapshotDoubted: false };
    }
    if (snapshot === null) {
      const code = fault === 'stream_conflict' ? 'stream_mismatch' : 'fold_halted';
      throw new RoomlogError(code, message, { details: { fault } });
    }
    this.#at = Math.max(this.#at, offset) as Offset;
    return { below: (snapshot - 1) as Offset, isSnapshotDoubted: true };
  }
}

/** The oldest record that is left, where a tail stopped because retention has passed what it wanted; null for any other error. */
export function retentionPassedTo({ code, details: { start, end } }: RoomlogError, next: Offset): Offset | null {
  const isPassed = code === 'offset_out_of_range' && typeof start === 'number' && typeof end === 'number';
  return isPassed && end >= next ? (start as Offset) : null;
}
