/** Whom a followed partition tells what it finds. */
import type { RoomlogError } from '../../core/errors.ts';
import type { Offset } from '../../core/ids.ts';
import type { Verdict } from '../../core/log/chain.ts';
import type { Answer, Claim } from '../../core/log/record.ts';
import type { LogEvent } from '../history/log-event.ts';

/** `unprovable`: before the first claim of a log whose beginning is gone. */
export type VerdictKind = Verdict['kind'] | 'unprovable';

export interface PartitionListener {
  /** This and `onAnswer` are called once per accepted record, in order, never for a record twice; not for the past that is read at the start. */
  onEvent(event: LogEvent): void;
  onAnswer(answer: Answer): void;
  /** Once per claim, in order with these. */
  onClaim(claim: Claim): void;
  /** The event loop is about to be let go: whatever was collected has to go out. */
  onPause(): void;
  /** All that the tail handed over was taken: what was collected has to go out, once the next fetch is on its way. */
  onTaken(): void;
  onVerdict(kind: VerdictKind): void;
  /** The tail has to move to `from`. */
  onReload(from: Offset): void;
  /** The fold has gone on without handing out what came between. */
  onJump(): void;
  /** The partition has stopped for good. */
  onHalt(error: RoomlogError): void;
}
