/** What a sequencer counts. The façade of `adapters/telemetry` is turned into these in `main.ts`; tests count by themselves. */

import type { SnapshotRefusal } from '../../core/log/snapshot.ts';

/** What one outbound record of ours turned out to be, as read back. */
export type SequencedKind = 'event' | 'answer' | 'poison';

export interface SequencerMetrics {
  sequenced(kind: SequencedKind, count: number): void;
  claimed(): void;
  fenced(): void;
  poisoned(reason: string): void;
  deadLettered(): void;
  retried(status: string): void;
  dropped(kind: 'stale' | 'repeat', count: number): void;
  foldFault(): void;
  snapshotWritten(bytes: number, ms: number): void;
  snapshotFailed(code: string): void;
  snapshotRefused(reason: SnapshotRefusal): void;
  /** One append, from send to answer. */
  appendMs(ms: number): void;
  /** A canary, from its append to its read-back. */
  canaryMs(ms: number): void;
  /** One batch, from the arrival of its oldest record to its read-back. */
  batchMs(ms: number): void;
}

export const noMetrics: SequencerMetrics = {
  sequenced: () => {},
  claimed: () => {},
  fenced: () => {},
  poisoned: () => {},
  deadLettered: () => {},
  retried: () => {},
  dropped: () => {},
  foldFault: () => {},
  snapshotWritten: () => {},
  snapshotFailed: () => {},
  snapshotRefused: () => {},
  appendMs: () => {},
  canaryMs: () => {},
  batchMs: () => {},
};
