/** Where reading outbound starts: at the newest snapshot that can be believed, else at offset 0, else nowhere. */
import type { LoadedSnapshot } from '../../adapters/snapshots/load.ts';
import { asRoomlogError, RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { patiently } from '../patience.ts';
import type { SequencerContext } from './context.ts';
import type { Snapshots } from './snapshots.ts';

export interface StartRequest {
  readonly partition: Partition;
  readonly context: SequencerContext;
  readonly snapshots: Snapshots;
  /** Only snapshots at or below; null for any. */
  readonly below: Offset | null;
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
}

/** null: from offset 0. Throws `fold_halted` where neither is possible; what reading throws once `signal` is aborted. */
export async function findStart(request: StartRequest): Promise<LoadedSnapshot | null> {
  const { partition, context, signal } = request;
  const { logger, log, topics } = context;
  const patience = {
    goOn: () => !signal.aborted,
    onRetry: (error: RoomlogError, attempt: number) =>
      logger.warn({ partition, code: error.code, attempt }, 'waiting to look for a snapshot'),
  };
  const loaded = await patiently(() => load(request), patience);
  if (loaded !== null || signal.aborted) return loaded;
  const ranges = await patiently(() => log.ranges(topics.outbound, [partition]), patience);
  const start = ranges.get(partition)?.start ?? (0 as Offset);
  if (start === 0) return null;
  // What the deleted records said is not guessed: rooms would get seqs twice.
  throw new RoomlogError(
    'fold_halted',
    `Outbound partition ${partition} begins at ${start} and ${topics.snapshots} holds no usable snapshot of it, so nobody knows its rooms’ seqs any more. The log lines before say which snapshots were refused and why. Restore that topic from a backup and restart the sequencers, or start a new stream with a new prefix.`,
    { details: { start } },
  );
}

async function load({ partition, context, snapshots, below, signal }: StartRequest): Promise<LoadedSnapshot | null> {
  try {
    return await snapshots.load(below, signal);
  } catch (thrown) {
    const error = asRoomlogError(thrown, 'kafka_unreachable');
    if (error.code !== 'topic_missing') throw error;
    context.logger.error({ partition }, 'the snapshots topic is missing: create it with `roomlog topics create`');
    return null;
  }
}
