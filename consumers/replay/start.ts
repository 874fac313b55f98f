/** Where a fold may begin so as to know what stands at an offset: at the log's first record, or at a claim before it. */
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { decodeOutbound } from '../decode-outbound.ts';

/** Records looked at in the first step back; each further step is twice as long. */
const FIRST_STEP_RECORDS = 2_000;

export interface FoldStart {
  readonly from: Offset;
  readonly kind: 'start' | 'claim';
}

export interface StartSearch {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topic: string;
  readonly partition: Partition;
  /** The oldest retained offset. */
  readonly oldest: Offset;
}

/**
 * The newest claim at or before `target`, else the log's first record. Where older records were deleted and no claim stands
 * before `target`, the first claim after it; null if there is none at all.
 */
export async function findStart(search: StartSearch, target: Offset, end: Offset): Promise<FoldStart | null> {
  const { oldest, topic, partition } = search;
  if (end <= oldest) return null;
  let upTo = Math.min(target + 1, end) as Offset;
  for (let step = FIRST_STEP_RECORDS; upTo > oldest; step *= 2) {
    const from = Math.max(oldest, upTo - step) as Offset;
    const claims = await claimsIn(search, from, upTo, 'all');
    const newest = claims.at(-1);
    if (newest !== undefined) return { from: newest, kind: newest === 0 ? 'start' : 'claim' };
    upTo = from;
  }
  if (oldest === 0) return { from: oldest, kind: 'start' };
  const [first] = await claimsIn(search, oldest, end, 'first');
  if (first !== undefined) return { from: first, kind: 'claim' };
  throw new RoomlogError(
    'fold_halted',
    `No claim is retained in ${topic} partition ${partition}, so it can’t be told which of its records count.`,
  );
}

async function claimsIn(search: StartSearch, from: Offset, to: Offset, which: 'all' | 'first'): Promise<Offset[]> {
  const { log, codec, topic, partition } = search;
  const found: Offset[] = [];
  for await (const records of log.readRange({ topic, partition, from, to })) {
    for (const { offset, value } of records) {
      const { claim } = await decodeOutbound(codec, value, () => false, silentLog);
      if (claim === null) continue;
      found.push(offset);
      if (which === 'first') return found;
    }
  }
  return found;
}
