/** What the work on one partition within one epoch needs. */
import type { Epoch } from '../../core/ids.ts';
import type { SequencerContext } from './context.ts';
import type { Pulse } from './pulse.ts';
import type { ReadBack } from './read-back.ts';
import type { Tenure } from './tenure.ts';

export interface EpochWork {
  readonly context: SequencerContext;
  readonly readBack: ReadBack;
  readonly tenure: Tenure;
  readonly pulse: Pulse;
  readonly epoch: Epoch;
}
