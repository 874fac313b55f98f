/**
 * Writes the `skipped` record under the claim protocol, beside sequencers that run: a claim with a fresh nonce, read back; what was shown,
 * judged again as of that claim; then the record, once, in that epoch, and read back too. Whoever claims in between fences it, and nothing
 * was skipped.
 */

import { Buffer } from 'node:buffer';
import { RoomlogError } from '../../core/errors.ts';
import { type Epoch, NO_EPOCH, NO_OFFSET, type Offset, type Partition } from '../../core/ids.ts';
import type { Verdict } from '../../core/log/chain.ts';
import { FOLD_VERSION, type OutboundRecord } from '../../core/log/record.ts';
import { pause } from '../patience.ts';
import { rangeOf } from '../retained-range.ts';
import { judge, type SkipPlan } from './diagnosis.ts';
import { type Folded, foldOn, type RepairLog } from './source.ts';

export interface SkipOptions extends RepairLog {
  /** P. */
  readonly partitions: number;
  readonly random: (bytes: number) => Uint8Array;
  /** How long an append whose outcome is not known is looked for in the log, ms. */
  readonly readBackMs?: number;
}

export type SkipResult =
  | { readonly kind: 'skipped'; readonly epoch: Epoch; readonly offset: Offset }
  /** What stands in the log now is not what was shown: nothing was skipped. */
  | { readonly kind: 'changed'; readonly why: string };

/** A sequencer's claim may come between: then once more, this often. */
const MAX_TRIES = 5;
const NONCE_BYTES = 16;
const READ_BACK_MS = 10_000;
const POLL_MS = 20;

/** Throws `kafka_refused`, `kafka_unreachable`, `stream_mismatch`, and what reading the log throws. */
export async function writeSkip(options: SkipOptions, shown: SkipPlan, folded: Folded): Promise<SkipResult> {
  const writer = new SkipWriter(options, shown.partition, folded);
  for (let tries = 1; tries <= MAX_TRIES; tries++) {
    const epoch = await writer.claim();
    if (epoch === null) continue;
    const now = await judge(options, shown.partition, writer.folded);
    if (now.kind !== 'skip') return { kind: 'changed', why: now.why };
    const change = differenceOf(shown, now.plan);
    if (change !== null) return { kind: 'changed', why: change };
    const offset = await writer.skip(epoch, shown);
    if (offset !== null) return { kind: 'skipped', epoch, offset };
  }
  const message = `Partition ${shown.partition} was claimed by sequencers ${MAX_TRIES} times in between; nothing was skipped. Try again.`;
  throw new RoomlogError('unavailable', message);
}

/** Records that came meanwhile change nothing; what would be lost must be what was shown. */
function differenceOf(shown: SkipPlan, now: SkipPlan): string | null {
  if (shown.reason === now.reason && shown.from === now.from && shown.to === now.to && shown.next === now.next) {
    return null;
  }
  return `it is now ${now.reason}: inbound ${now.from} to ${now.to} would be given up, ${now.next} would be next`;
}

class SkipWriter {
  readonly #options: SkipOptions;
  readonly #partition: Partition;
  folded: Folded;

  constructor(options: SkipOptions, partition: Partition, folded: Folded) {
    this.#options = options;
    this.#partition = partition;
    this.folded = folded;
  }

  /** The epoch of a claim of ours that is the newest; null where a later one was read, or none of ours. */
  async claim(): Promise<Epoch | null> {
    const { codec, random, partitions } = this.#options;
    const { streamId } = this.folded.chain;
    if (streamId === null) {
      throw new RoomlogError('stream_mismatch', `No claim of partition ${this.#partition} tells the stream’s id.`);
    }
    const nonce = Buffer.from(random(NONCE_BYTES));
    const claim = { nonce, streamId, foldVersion: FOLD_VERSION, partitions };
    const header = { epoch: NO_EPOCH, inbound: NO_OFFSET, prevInbound: NO_OFFSET, inboundTime: 0 };
    const value = codec.encodeOutbound({ ...header, claim, event: null, answer: null, skipped: null });
    const readAt = await this.#append(value, (found) => found.claim !== null && nonce.equals(found.claim.nonce));
    const { epoch } = this.folded.chain;
    return readAt !== null && (epoch as number) === readAt ? epoch : null;
  }

  /** The offset at which the skip was folded; null where a later claim fenced it. */
  async skip(epoch: Epoch, plan: SkipPlan): Promise<Offset | null> {
    const { from, to, next, reason, lastInbound } = plan;
    const inbound = (next - 1) as Offset;
    const record: OutboundRecord = {
      epoch,
      inbound,
      prevInbound: lastInbound,
      inboundTime: 0,
      claim: null,
      event: null,
      answer: null,
      skipped: { from, to, reason },
    };
    const value = this.#options.codec.encodeOutbound(record);
    return this.#append(value, (found, verdict) => found.skipped !== null && verdict.kind === 'accepted');
  }

  /** Appends once, and folds on until the record that is looked for was read; null where the log has settled without it. */
  async #append(value: Buffer, isIt: (record: OutboundRecord, verdict: Verdict) => boolean): Promise<Offset | null> {
    const { log, topics, readBackMs = READ_BACK_MS } = this.#options;
    const partition = this.#partition;
    const [outcome] = await log.append(topics.outbound, [{ partition, records: [{ key: null, value }] }]);
    if (outcome?.status === 'refused') throw outcome.error;
    const until = performance.now() + (outcome?.status === 'not_appended' ? 0 : readBackMs);
    let readAt: Offset | null = null;
    for (;;) {
      const { end } = rangeOf(await log.ranges(topics.outbound, [partition]), partition);
      this.folded = await foldOn(this.#options, partition, this.folded, end, (offset, record, verdict) => {
        if (isIt(record, verdict)) readAt = offset;
      });
      const isPast = outcome?.status === 'appended' && this.folded.next > outcome.baseOffset;
      if (readAt !== null || isPast || performance.now() >= until) return readAt;
      await pause(POLL_MS);
    }
  }
}
