/** Looks whether inbound and outbound still have P partitions: Kafka lets anybody add some, and rooms would move. */
import type { Alarms } from '../../core/alarms.ts';
import { asRoomlogError } from '../../core/errors.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { checkTopics } from './topics.ts';

/** Adding partitions is rare, and takes effect at producers within their metadata's age of minutes. */
const LOOK_EVERY_MS = 60_000;

export interface TopicWatchOptions {
  readonly log: EventLog;
  readonly topics: { readonly inbound: string; readonly outbound: string };
  readonly partitions: number;
  readonly alarms: Alarms;
  readonly everyMs?: number;
}

/** Returns what ends it. */
export function watchTopics({ everyMs = LOOK_EVERY_MS, ...options }: TopicWatchOptions): () => void {
  const timer = setInterval(() => void lookAtTopics(options), everyMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** One look. What can't be reached tells nothing. */
export async function lookAtTopics({ log, topics, partitions, alarms }: TopicWatchOptions): Promise<void> {
  try {
    await checkTopics(log, topics, partitions);
    alarms.clear('partition_count', null);
  } catch (thrown) {
    const error = asRoomlogError(thrown, 'kafka_unreachable');
    if (error.code === 'partition_mismatch') alarms.raise('partition_count', null, error.message);
  }
}
