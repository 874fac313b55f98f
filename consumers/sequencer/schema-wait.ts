/**
 * What to do with an inbound record whose schema is not known here. A registry that can't be reached is a reason to wait, for
 * ever if need be: nothing is dropped. One that answers "no such schema" is believed once it has said nothing else for `schemaWaitMs`: the
 * producer may have been faster than the registry's replica, and a registry that was away may not have everything back at once.
 */
import { asRoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { pause, pauseMs } from '../patience.ts';
import type { SequencerContext } from './context.ts';

export type SchemaFinding = 'known' | 'not_found' | 'unusable' | 'gave_up';

/** Resolves when the schema is known, surely not there, unusable, or `goOn` is false. */
export async function waitForSchema(
  context: SequencerContext,
  partition: Partition,
  id: number,
  goOn: () => boolean,
): Promise<SchemaFinding> {
  const { codec, clock, logger, config } = context;
  let notFoundSince: number | null = null;
  for (let attempt = 1; goOn(); attempt++) {
    try {
      await codec.ensureSchema(id);
      return goOn() ? 'known' : 'gave_up';
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'registry_unreachable');
      if (error.code === 'schema_not_found') {
        notFoundSince ??= clock.monotonic();
        if (clock.monotonic() - notFoundSince >= config.schemaWaitMs) return goOn() ? 'not_found' : 'gave_up';
      } else if (!error.definition.retryable) return goOn() ? 'unusable' : 'gave_up';
      else notFoundSince = null;
      logger.warn({ partition, schema: id, code: error.code, attempt }, 'a partition waits for a schema');
    }
    await pause(pauseMs(attempt));
  }
  return 'gave_up';
}
