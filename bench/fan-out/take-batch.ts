/** What of one partition's waiting records goes into one append: Kafka refuses a batch of more than 1 MiB, and after a pause of its own more may wait. */
import type { AppendRecord } from '../../core/ports/event-log.ts';

/** Of values; half of what Kafka takes leaves room for whatever a record has beside its own. */
export const MAX_BATCH_BYTES = 524_288;

/** Takes the first records out of those that wait, at least one. */
export function takeBatch(waiting: AppendRecord[]): AppendRecord[] {
  let count = 0;
  for (let bytes = 0; count < waiting.length && bytes < MAX_BATCH_BYTES; count += 1) {
    bytes += waiting[count]?.value?.length ?? 0;
  }
  return waiting.splice(0, count);
}
