/** What a repair reads: both topics of one partition, and the fold of outbound as far as it was read. */
import { RoomlogError } from '../../core/errors.ts';
import { NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import type { Chain, Verdict } from '../../core/log/chain.ts';
import { FOLD_VERSION, type OutboundRecord } from '../../core/log/record.ts';
import type { Topics } from '../../core/names.ts';
import type { EventLog, LogRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { decodeOutbound } from '../decode-outbound.ts';

export interface RepairLog {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: Topics;
}

/** Where the fold of outbound stands. */
export interface Folded {
  readonly chain: Chain;
  /** The next outbound offset. */
  readonly next: Offset;
}

/** Goes on folding up to `to`; tells what it makes of each record. Throws `fold_halted` on a fault. */
export async function foldOn(
  { log, codec, topics }: RepairLog,
  partition: Partition,
  { chain, next }: Folded,
  to: Offset,
  onRecord: (offset: Offset, record: OutboundRecord, verdict: Verdict) => void = () => {},
): Promise<Folded> {
  if (next >= to) return { chain, next };
  for await (const records of log.readRange({ topic: topics.outbound, partition, from: next, to })) {
    for (const { offset, value } of records) {
      const record = await decodeOutbound(codec, value, () => false, silentLog);
      const verdict = chain.judge(offset, record);
      if (verdict.kind === 'fault') {
        throw new RoomlogError('fold_halted', `Outbound partition ${partition}: ${verdict.message}.`);
      }
      if (verdict.kind === 'claim' && (record.claim?.foldVersion ?? 0) > FOLD_VERSION) {
        throw new RoomlogError('fold_halted', `Its claim at ${offset} is of a newer version: upgrade this program.`);
      }
      onRecord(offset, record, verdict);
    }
  }
  return { chain, next: to };
}

export async function recordAt(
  { log, topics }: RepairLog,
  partition: Partition,
  at: Offset,
): Promise<LogRecord | null> {
  if (at === NO_OFFSET) return null;
  const to = (at + 1) as Offset;
  for await (const records of log.readRange({ topic: topics.inbound, partition, from: at, to })) {
    const found = records.find(({ offset }) => offset === at);
    if (found !== undefined) return found;
  }
  return null;
}
