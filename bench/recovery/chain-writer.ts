/**
 * Writes outbound partitions as their sequencer would: claims, a valid chain, each event with a hint of the one before it in its room. Also
 * what a snapshot of it needs, and events that are sent while somebody measures.
 */
import { randomBytes } from 'node:crypto';
import {
  type Epoch,
  NO_EPOCH,
  NO_OFFSET,
  type Offset,
  type Partition,
  type RoomId,
  type UserId,
} from '../../core/ids.ts';
import { AnchorTrail } from '../../core/log/anchor-trail.ts';
import { captureFold } from '../../core/log/capture.ts';
import type { Anchor } from '../../core/log/chain.ts';
import { encodeCursor } from '../../core/log/cursor.ts';
import { Fold } from '../../core/log/fold.ts';
import { FOLD_VERSION, type OutboundRecord } from '../../core/log/record.ts';
import type { RoomHead } from '../../core/log/room-heads.ts';
import type { AppendRecord } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';

/** As `sequencer.claimEveryBytes`. */
const CLAIM_EVERY_BYTES = 67_108_864;
const NO_BODY = { claim: null, event: null, answer: null, skipped: null };

export interface ChainWriterOptions {
  readonly codec: Codec;
  readonly partition: Partition;
  readonly partitions: number;
  readonly streamId: string;
  /** Of the stream's first claim, which names it (ADR 0007). */
  readonly nonce: Buffer;
}

export class ChainWriter {
  readonly partition: Partition;
  readonly #options: ChainWriterOptions;
  readonly #fold = new Fold();
  readonly #anchors = new AnchorTrail();
  /** Record bytes up to each record, the values alone. */
  bytes = 0;
  #next = 0 as Offset;
  #inbound = 0;
  #bytesSinceClaim = Number.POSITIVE_INFINITY;

  constructor(options: ChainWriterOptions) {
    this.partition = options.partition;
    this.#options = options;
  }

  get next(): Offset {
    return this.#next;
  }

  /** The records that add one event: a claim before it where one is due. */
  event(room: RoomId, data: Buffer, timeMs: number): AppendRecord[] {
    const records = this.#bytesSinceClaim >= CLAIM_EVERY_BYTES ? [this.#claim()] : [];
    const head = this.#fold.heads.get(room);
    const inbound = this.#inbound as Offset;
    this.#inbound += 1;
    const { epoch, lastInbound } = this.#fold.chain;
    records.push(
      this.#take(room, {
        ...NO_BODY,
        epoch: epoch as Epoch,
        inbound,
        prevInbound: lastInbound,
        inboundTime: timeMs,
        event: {
          room,
          seq: ((head?.seq ?? 0) + 1) as never,
          time: timeMs,
          prev: head?.offset ?? NO_OFFSET,
          user: 'bench' as UserId,
          session: null,
          pub: null,
          key: null,
          origin: null,
          event: 'bench',
          contentType: null,
          data,
          expiresAt: null,
          traceparent: null,
        },
      }),
    );
    return records;
  }

  head(room: RoomId): RoomHead {
    const head = this.#fold.heads.get(room);
    if (head === undefined) throw new Error(`nothing was written to ${room}`);
    return head;
  }

  /** What a client has that got this event last. */
  cursor(room: RoomId, at: RoomHead): string {
    return encodeCursor(this.#options.streamId, room, at);
  }

  snapshot(): { readonly capture: ReturnType<typeof captureFold>; readonly anchors: readonly Anchor[] } {
    return { capture: captureFold(this.#fold, this.partition, this.#next), anchors: this.#anchors.anchors() };
  }

  #claim(): AppendRecord {
    const { partition, partitions, streamId, nonce } = this.#options;
    const first = this.partition === 0 && this.#next === 0;
    this.#bytesSinceClaim = 0;
    const header = { epoch: NO_EPOCH, inbound: NO_OFFSET, prevInbound: NO_OFFSET, inboundTime: 0 };
    const claim = {
      nonce: first ? nonce : randomBytes(16),
      streamId: first ? '' : streamId,
      foldVersion: FOLD_VERSION,
      partitions,
    };
    return this.#take(`claim of ${partition}` as RoomId, { ...NO_BODY, ...header, claim });
  }

  #take(key: RoomId, record: OutboundRecord): AppendRecord {
    const verdict = this.#fold.apply(this.#next, record);
    if (verdict.kind === 'fault') throw new Error(verdict.message);
    this.#next = (this.#next + 1) as Offset;
    const value = this.#options.codec.encodeOutbound(record);
    this.bytes += value.length;
    this.#bytesSinceClaim += value.length;
    this.#anchors.passed(this.#fold.chain, this.#next, value.length);
    return { key: Buffer.from(key), value };
  }
}
