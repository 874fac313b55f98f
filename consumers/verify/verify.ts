/**
 * Re-reads a stream straight from Kafka and says whether the log keeps its promises: each partition's outbound in step with its inbound,
 * then the dead letters of its poison. One partition after the other, so that memory is that of the largest one's rooms and live sessions;
 * whoever has several read at a time (cli/threads) calls it once for each.
 */
import { RoomlogError } from '../../core/errors.ts';
import type { Partition, RoomId } from '../../core/ids.ts';
import { partitionOf } from '../../core/log/partition.ts';
import type { Topics } from '../../core/names.ts';
import type { EventLog, OffsetRange } from '../../core/ports/event-log.ts';
import type { PublishersLimits } from '../../core/sequencing/publishers.ts';
import type { Codec } from '../../schemas/codec.ts';
import { pause } from '../patience.ts';
import { type FoldStart, findStart } from '../replay/start.ts';
import { rangeOf } from '../retained-range.ts';
import { checkPartition, type PartitionReport } from './check.ts';
import { Findings } from './finding.ts';
import { LetterCheck } from './letters.ts';
import { inboundItems, letters, outboundItems } from './sources.ts';

export interface VerifyOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: Topics;
  readonly limits: PublishersLimits;
  /** One room (its partition alone is read), one partition, or null: everything. */
  readonly only: { readonly room: RoomId } | { readonly partition: Partition } | null;
  /** Log time, ms; null: from the first retained record. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
  /** Findings that are listed; all are counted. */
  readonly listed: number;
  /** A letter is written after its answer: how long the newest ones are waited for, ms. */
  readonly letterPatienceMs?: number;
  /** Records read so far, of how many; called after every fetch. */
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly partition: Partition;
  readonly records: number;
  /** An estimate from offsets. */
  readonly of: number;
}

export interface VerifiedPartition extends PartitionReport {
  readonly letters: ReadonlyMap<string, number>;
  readonly letterRepeats: number;
  readonly lettersUnchecked: number;
}

export interface Verified {
  readonly findings: Findings;
  readonly partitions: readonly VerifiedPartition[];
  /** Inbound, outbound and dead-letter records read. */
  readonly records: number;
}

/** Outbound is written after inbound, on brokers whose clocks may differ by so much. */
const CLOCK_DIFFERENCE_MS = 600_000;
const LETTER_PATIENCE_MS = 5_000;
const LETTER_PAUSE_MS = 250;

/** Throws `partition_mismatch`, and what reading the log and the registry throws. */
export async function verify(options: VerifyOptions): Promise<Verified> {
  const { log, topics, only } = options;
  const count = await log.partitionCount(topics.outbound);
  const inboundCount = await log.partitionCount(topics.inbound);
  if (count !== inboundCount) {
    const message = `Inbound has ${inboundCount} partitions, outbound ${count}: they are of different streams.`;
    throw new RoomlogError('partition_mismatch', message);
  }
  if (only !== null && 'partition' in only && only.partition >= count) {
    throw new RoomlogError('usage', `The stream has the partitions 0 to ${count - 1}, and no ${only.partition}.`);
  }
  const partitions = partitionsOf(only, count);
  // Outbound's end first: whatever stands before it answers a record before inbound's end.
  const outbound = await log.ranges(topics.outbound, partitions);
  const inbound = await log.ranges(topics.inbound, partitions);
  const run = new Run(options, count, totalOf(outbound) + totalOf(inbound));
  const reports: VerifiedPartition[] = [];
  for (const partition of partitions) {
    reports.push(await run.partition(partition, rangeOf(outbound, partition), rangeOf(inbound, partition)));
  }
  compareStreams(reports, run.findings);
  return { findings: run.findings, partitions: reports, records: run.records };
}

/** One stream has one id. */
export function compareStreams(reports: readonly PartitionReport[], findings: Findings): void {
  const first = reports.find(({ streamId }) => streamId !== null);
  for (const { partition, streamId } of reports) {
    if (first === undefined || streamId === null || streamId === first.streamId) continue;
    const message = `its claims name the stream ${streamId}, those of partition ${first.partition} ${first.streamId}`;
    findings.add({ kind: 'stream_conflict', partition, inbound: null, outbound: null, message });
  }
}

class Run {
  readonly findings: Findings;
  records = 0;
  readonly #options: VerifyOptions;
  readonly #count: number;
  readonly #expected: number;

  constructor(options: VerifyOptions, count: number, expected: number) {
    this.findings = new Findings(options.listed);
    this.#options = options;
    this.#count = count;
    this.#expected = expected;
  }

  async partition(partition: Partition, outbound: OffsetRange, inbound: OffsetRange): Promise<VerifiedPartition> {
    const { log, codec, topics, limits, only, toMs } = this.#options;
    const onRead = (records: number): void => {
      this.records += records;
      this.#options.onProgress?.({ partition, records: this.records, of: Math.max(this.#expected, this.records) });
    };
    const from = await this.#startOf(partition, outbound);
    const source = { log, codec, partition, onRead };
    const start = from ?? { from: outbound.end, kind: 'start' as const };
    const letterCheck = new LetterCheck(partition);
    const report = await checkPartition({
      partition,
      start: start.kind,
      outbound: outboundItems({ ...source, topic: topics.outbound, from: start.from, to: outbound.end }),
      inboundRange: inbound,
      inbound: (first) => inboundItems({ ...source, topic: topics.inbound, from: first, to: inbound.end }, this.#count),
      limits,
      room: only !== null && 'room' in only ? only.room : null,
      toMs: toMs ?? Number.POSITIVE_INFINITY,
      findings: this.findings,
      letters: letterCheck,
    });
    await this.#checkLetters(report, letterCheck, onRead);
    const { byReason, repeats, unchecked } = letterCheck;
    return { ...report, letters: byReason, letterRepeats: repeats, lettersUnchecked: unchecked };
  }

  /** null where there is nothing to read, or nothing that could be judged. */
  async #startOf(partition: Partition, range: OffsetRange): Promise<FoldStart | null> {
    const { log, codec, topics, fromMs } = this.#options;
    const topic = topics.outbound;
    if (fromMs === null && range.start === 0) return { from: range.start, kind: 'start' };
    let target = range.start;
    if (fromMs !== null) {
      const at = await log.offsetsAt(topic, fromMs - CLOCK_DIFFERENCE_MS, [partition]);
      target = at.get(partition) ?? range.start;
    }
    try {
      return await findStart({ log, codec, topic, partition, oldest: range.start }, target, range.end);
    } catch (thrown) {
      if (!(thrown instanceof RoomlogError) || thrown.code !== 'fold_halted') throw thrown;
      this.findings.add({ kind: 'no_claim', partition, inbound: null, outbound: range.start, message: thrown.message });
      return null;
    }
  }

  async #checkLetters(report: PartitionReport, check: LetterCheck, onRead: (records: number) => void): Promise<void> {
    const { log, codec, topics, only, letterPatienceMs = LETTER_PATIENCE_MS } = this.#options;
    const { partition, checked } = report;
    const topic = topics.deadletter;
    const target = (partition % (await log.partitionCount(topic))) as Partition;
    const first = rangeOf(await log.ranges(topic, [target]), target);
    const giveUpAt = performance.now() + letterPatienceMs;
    // With a room only its poison is known, so a letter can't be said to be unfounded.
    const known = only !== null && 'room' in only;
    let retainedSince = first.start === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    let next = first.start;
    for (;;) {
      const { end } = rangeOf(await log.ranges(topic, [target]), target);
      for await (const seen of letters({ log, codec, topic, partition: target, from: next, to: end, onRead })) {
        if (retainedSince === Number.POSITIVE_INFINITY) retainedSince = seen.writtenAt;
        if (!known || check.expects(seen)) check.letter(seen, checked, this.findings);
      }
      next = end;
      if (check.missing === 0 || performance.now() >= giveUpAt) break;
      await pause(LETTER_PAUSE_MS);
    }
    check.finish(retainedSince, this.findings);
  }
}

function partitionsOf(only: VerifyOptions['only'], count: number): Partition[] {
  if (only === null) return Array.from({ length: count }, (_, number) => number as Partition);
  return ['room' in only ? partitionOf(only.room, count) : only.partition];
}

/** Records, by offsets. */
export function totalOf(ranges: ReadonlyMap<Partition, OffsetRange>): number {
  let total = 0;
  for (const { start, end } of ranges.values()) total += end - start;
  return total;
}
