/** Why a partition's work can't simply go on. Each step returns one of these instead of throwing: none of them is an accident. */
import type { RoomlogError } from '../../core/errors.ts';
import type { Epoch } from '../../core/ids.ts';
import type { ReadBack } from './read-back.ts';
import type { Tenure } from './tenure.ts';

export type Interruption =
  /** The group gave the partition to another, or this process stops. */
  | { readonly kind: 'lost' }
  /** A later claim was read: someone else may write now. */
  | { readonly kind: 'fenced' }
  /** Outbound can't be folded on; `readBack.fault` says why. */
  | { readonly kind: 'faulted' }
  /** Only an operator can help. */
  | { readonly kind: 'halted'; readonly error: RoomlogError };

export const LOST: Interruption = { kind: 'lost' };
export const FENCED: Interruption = { kind: 'fenced' };
export const FAULTED: Interruption = { kind: 'faulted' };
export const halted = (error: RoomlogError): Interruption => ({ kind: 'halted', error });

/** What stands in the way now; null if nothing. `epoch`: the one that we write in, null while we have none. */
export function interruptionOf(tenure: Tenure, readBack: ReadBack, epoch: Epoch | null): Interruption | null {
  if (tenure.lost) return LOST;
  if (readBack.fault !== null) return FAULTED;
  if (epoch !== null && readBack.epoch !== epoch) return FENCED;
  return null;
}
