/** Dead letters that the owner before may not have come to write. */
import type { RoomlogError } from '../../core/errors.ts';
import type { Epoch } from '../../core/ids.ts';
import { patiently } from '../patience.ts';
import type { SequencerContext } from './context.ts';
import { letterName } from './dead-letters.ts';
import { readOne } from './input.ts';
import { interruptionOf } from './interruption.ts';
import type { ReadBack } from './read-back.ts';
import type { Tenure } from './tenure.ts';

/** Writes those of its last poison answers that are missing; see `RecentPoison`. */
export async function completeLetters(
  context: SequencerContext,
  readBack: ReadBack,
  tenure: Tenure,
  epoch: Epoch,
): Promise<void> {
  const notes = readBack.poison.notes();
  if (notes.length === 0) return;
  const { deadLetters, logger } = context;
  const { partition } = readBack;
  const goOn = () => interruptionOf(tenure, readBack, epoch) === null && !tenure.closing;
  const names = new Map(notes.map(({ inbound, inboundTime }) => [letterName(partition, inbound), inboundTime]));
  const patience = {
    goOn,
    onRetry: (error: RoomlogError) =>
      logger.warn({ partition, code: error.code }, 'waiting to look for missing dead letters'),
  };
  const present = await patiently(() => deadLetters.present(partition, names, goOn), patience);
  for (const { inbound, inboundTime, reason } of notes) {
    if (!goOn()) return;
    if (present.has(letterName(partition, inbound))) continue;
    const record = await patiently(() => readOne(context, readBack, inbound), patience);
    if (record === null || record.timestamp !== inboundTime) continue;
    const message = 'The owner before may not have written this letter, so it is written again.';
    await deadLetters.send([{ partition, record, reason, message }], goOn);
  }
}
