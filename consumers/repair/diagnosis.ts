/** What is wrong between one partition's outbound and its inbound, read from both as they stand now: no process is asked. */

import { loadSnapshot } from '../../adapters/snapshots/load.ts';
import { RoomlogError } from '../../core/errors.ts';
import { NO_EPOCH, type Offset, type Partition } from '../../core/ids.ts';
import { Chain } from '../../core/log/chain.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { placeInbound } from '../inbound-place.ts';
import { findStart } from '../replay/start.ts';
import { rangeOf } from '../retained-range.ts';
import { firstNews } from './first-news.ts';
import { type Folded, foldOn, type RepairLog, recordAt } from './source.ts';

/** What a skip would give up, and where sequencing would go on. */
export interface SkipPlan {
  readonly partition: Partition;
  readonly reason: 'input_lost' | 'inbound_replaced';
  /** For people: what was found. */
  readonly found: string;
  readonly lastInbound: Offset;
  /** Log time, ms: inbound was answered up to here. */
  readonly answeredUntil: number;
  readonly inbound: OffsetRange;
  /** Given up, both inclusive; `to` is `from` - 1 where nothing is known to be lost. */
  readonly from: Offset;
  readonly to: Offset;
  /** The inbound record to be sequenced next. */
  readonly next: Offset;
}

export type Diagnosis =
  /** Nothing to skip: sequencing can go on where it was. */
  | { readonly kind: 'sound'; readonly partition: Partition; readonly why: string }
  /** Outbound itself can't be folded: no skip helps. */
  | { readonly kind: 'broken'; readonly partition: Partition; readonly why: string }
  | { readonly kind: 'skip'; readonly partition: Partition; readonly folded: Folded; readonly plan: SkipPlan };

/** Records folded in the first try; the next ones go further back, until one knows what was answered last. */
const FIRST_BACK_RECORDS = 20_000;

/** Throws what reading the log and the registry throws. */
export async function diagnose(source: RepairLog, partition: Partition): Promise<Diagnosis> {
  const outbound = rangeOf(await source.log.ranges(source.topics.outbound, [partition]), partition);
  if (outbound.end <= outbound.start) {
    return { kind: 'sound', partition, why: 'no sequencer has claimed it yet' };
  }
  let folded: Folded;
  try {
    folded = await foldEnd(source, partition, outbound);
  } catch (thrown) {
    if (!(thrown instanceof RoomlogError) || !BROKEN.has(thrown.code)) throw thrown;
    return { kind: 'broken', partition, why: `${thrown.code}: ${thrown.message}` };
  }
  return judge(source, partition, folded);
}

const BROKEN: ReadonlySet<string> = new Set(['fold_halted', 'corrupt_record']);

/** Compares what was answered with inbound as it is now. */
export async function judge(source: RepairLog, partition: Partition, folded: Folded): Promise<Diagnosis> {
  const { log, topics } = source;
  const { chain } = folded;
  const { lastInbound } = chain;
  if (chain.epoch === NO_EPOCH) return { kind: 'sound', partition, why: 'no sequencer has claimed it yet' };
  const inbound = rangeOf(await log.ranges(topics.inbound, [partition]), partition);
  const place = await placeInbound(chain, inbound, (at) => recordAt(source, partition, at));
  if (place.kind === 'goes_on') {
    return { kind: 'sound', partition, why: `inbound goes on at ${place.next} where it was left` };
  }
  const from = (lastInbound + 1) as Offset;
  const isLost = place.kind === 'input_lost';
  const next = isLost ? inbound.start : await firstNews(source, partition, inbound, chain.logTime);
  const plan: SkipPlan = {
    partition,
    reason: place.kind,
    found: place.found,
    lastInbound,
    answeredUntil: chain.logTime,
    inbound,
    from,
    to: (isLost ? inbound.start - 1 : lastInbound) as Offset,
    next,
  };
  return { kind: 'skip', partition, folded, plan };
}

/** Folds the end of outbound, from as far back as it takes to know what was answered last. */
async function foldEnd(source: RepairLog, partition: Partition, range: OffsetRange): Promise<Folded> {
  const { log, codec, topics } = source;
  const search = { log, codec, topic: topics.outbound, partition, oldest: range.start };
  for (let back = FIRST_BACK_RECORDS; ; back *= 8) {
    const target = Math.max(range.start, range.end - back) as Offset;
    const start = await findStart(search, target, range.end);
    if (start === null) throw new RoomlogError('fold_halted', 'Outbound has no record.');
    const chain = start.kind === 'start' ? Chain.atStart() : Chain.atClaim();
    const folded = await foldOn(source, partition, { chain, next: start.from }, range.end);
    if (chain.settled) return folded;
    if (target === range.start) {
      const known = await snapshotOf(source, partition);
      if (known !== null) return await foldOn(source, partition, known, range.end);
      const message = `Outbound partition ${partition} retains claims only, and there is no snapshot, so what was answered last is not known.`;
      throw new RoomlogError('fold_halted', message);
    }
  }
}

/** Where the newest snapshot stands that can be believed. */
async function snapshotOf(source: RepairLog, partition: Partition): Promise<Folded | null> {
  const partitions = await source.log.partitionCount(source.topics.outbound);
  const loaded = await loadSnapshot({ ...source, partition, partitions, parts: 'heads', logger: silentLog });
  return loaded && { chain: loaded.fold.chain, next: loaded.mark.offset };
}
