/**
 * Which stream the topics hold (ADR 0007). The id is the hex of the nonce of the first claim in outbound partition 0, so it
 * is agreed upon by the log alone: two sequencers that start on empty topics at once read the same first claim.
 */
import { Buffer } from 'node:buffer';
import { streamIdOfSnapshots } from '../../adapters/snapshots/load.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { type Claim, FOLD_VERSION } from '../../core/log/record.ts';
import type { Topics } from '../../core/names.ts';
import { despiteRetention } from '../../core/ports/despite-retention.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec } from '../../schemas/codec.ts';
import { decodeOutbound } from '../decode-outbound.ts';

/** The partition whose first claim names the stream. */
export const NAMING_PARTITION = 0 as Partition;

export interface StreamIdentityOptions {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly topics: Pick<Topics, 'outbound' | 'snapshots'>;
  /** P as configured. */
  readonly partitions: number;
  readonly logger: LogSink;
}

/** Asked for at a time where the first record is a claim. */
const FIRST_CLAIM_BYTES = 16_384;

interface FirstClaim {
  readonly claim: Claim;
  readonly isFirst: boolean;
}

export class StreamIdentity {
  readonly #options: StreamIdentityOptions;
  #known: string | null = null;

  constructor(options: StreamIdentityOptions) {
    this.#options = options;
  }

  /** The id, once this process has learnt it. */
  get known(): string | null {
    return this.#known;
  }

  /** What the log says. Throws `stream_mismatch` where it says two things. */
  learn(streamId: string): void {
    if (this.#known !== null && this.#known !== streamId) {
      throw new RoomlogError(
        'stream_mismatch',
        `Outbound partition 0 belongs to stream ${streamId}, but this process serves ${this.#known}. Were topics recreated? Restart all sequencers and gateways.`,
      );
    }
    this.#known = streamId;
  }

  /** The id as outbound partition 0 tells it; null while nobody has claimed that partition. Throws what reading throws. */
  async lookUp(goOn: () => boolean): Promise<string | null> {
    if (this.#known !== null) return this.#known;
    const first = await this.#firstClaim(NAMING_PARTITION, goOn);
    if (first === null) return this.#fromSnapshots();
    this.#checkClaim(first.claim);
    if (first.claim.streamId !== '') this.learn(first.claim.streamId);
    else if (first.isFirst) this.learn(Buffer.from(first.claim.nonce).toString('hex'));
    return this.#known;
  }

  /**
   * Refuses a partition that belongs to another stream, another P or a newer version, before a claim of ours could add to the
   * confusion. Throws `stream_mismatch`, `partition_mismatch`, `fold_halted`, or what reading throws.
   */
  async checkPartition(partition: Partition, goOn: () => boolean): Promise<void> {
    const first = await this.#firstClaim(partition, goOn);
    if (first === null) return;
    this.#checkClaim(first.claim);
    const { streamId } = first.claim;
    if (this.#known !== null && streamId !== '' && streamId !== this.#known) {
      throw new RoomlogError(
        'stream_mismatch',
        `Outbound partition ${partition} belongs to stream ${streamId}, partition 0 to ${this.#known}: the topics were mixed up or recreated in part.`,
      );
    }
  }

  /** Where the claims were deleted: as the snapshots have it. */
  async #fromSnapshots(): Promise<string | null> {
    const { log, topics } = this.#options;
    const range = (await log.ranges(topics.outbound, [NAMING_PARTITION])).get(NAMING_PARTITION);
    if (range === undefined || range.start === 0) return null;
    const streamId = await streamIdOfSnapshots({ ...this.#options, partition: NAMING_PARTITION });
    if (streamId !== null) this.learn(streamId);
    return this.#known;
  }

  #checkClaim(claim: Claim): void {
    const { partitions } = this.#options;
    if (claim.partitions !== partitions) {
      throw new RoomlogError(
        'partition_mismatch',
        `The stream has ${claim.partitions} partitions, stream.partitions says ${partitions}. P is fixed for the life of a stream.`,
      );
    }
    if (claim.foldVersion > FOLD_VERSION) {
      throw new RoomlogError(
        'fold_halted',
        `The stream is written by rules of version ${claim.foldVersion}, this program knows ${FOLD_VERSION}: upgrade it.`,
      );
    }
  }

  /** The oldest retained claim of a partition; `isFirst` where nothing before it was deleted. */
  #firstClaim(partition: Partition, goOn: () => boolean): Promise<FirstClaim | null> {
    return despiteRetention(() => this.#findFirstClaim(partition, goOn));
  }

  async #findFirstClaim(partition: Partition, goOn: () => boolean): Promise<FirstClaim | null> {
    const { log, codec, logger } = this.#options;
    const { outbound } = this.#options.topics;
    const range = (await log.ranges(outbound, [partition])).get(partition);
    if (range === undefined || range.end <= range.start) return null;
    const isFirst = range.start === 0;
    for await (const records of log.readRange({
      topic: outbound,
      partition,
      from: range.start,
      to: range.end as Offset,
      // Where nothing was deleted it stands at the very beginning.
      ...(isFirst && { maxBytesPerFetch: FIRST_CLAIM_BYTES }),
    })) {
      for (const { value } of records) {
        const { claim } = await decodeOutbound(codec, value, goOn, logger);
        // A claim without an id tells nothing where older ones were deleted: one with an id follows it.
        if (claim !== null && (isFirst || claim.streamId !== '')) return { claim, isFirst };
      }
    }
    return null;
  }
}
