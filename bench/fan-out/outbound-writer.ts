/** Makes outbound records as a sequencer does, one partition's in a chain that readers can prove, without inbound. */
import { randomBytes } from 'node:crypto';
import { type Epoch, NO_EPOCH, NO_OFFSET, type Offset, type RoomId, type Seq, userId } from '../../core/ids.ts';
import { Fold } from '../../core/log/fold.ts';
import { FOLD_VERSION, type OutboundRecord } from '../../core/log/record.ts';
import type { AppendRecord } from '../../core/ports/event-log.ts';
import type { Codec } from '../../schemas/codec.ts';

const NO_BODY = { claim: null, event: null, answer: null, skipped: null };
const USER = userId('bench');

export class OutboundWriter {
  readonly #codec: Codec;
  readonly #fold = new Fold();
  #next = 0 as Offset;
  #events = 0;

  constructor(codec: Codec) {
    this.#codec = codec;
  }

  /** To be the partition's first record. @param streamId '' on partition 0, whose claim names the stream by its nonce */
  claim(nonce: Buffer, streamId: string, partitions: number): AppendRecord {
    const header = { epoch: NO_EPOCH, inbound: NO_OFFSET, prevInbound: NO_OFFSET, inboundTime: 0 };
    const claim = { nonce, streamId, foldVersion: FOLD_VERSION, partitions };
    return this.#take({ ...NO_BODY, ...header, claim }, null);
  }

  event(room: RoomId, key: Buffer, data: Buffer, time: number): AppendRecord {
    const { epoch, lastInbound } = this.#fold.chain;
    const head = this.#fold.heads.get(room);
    const inbound = this.#events as Offset;
    this.#events += 1;
    const event = {
      room,
      seq: ((head?.seq ?? 0) + 1) as Seq,
      time,
      prev: head?.offset ?? NO_OFFSET,
      user: USER,
      session: null,
      pub: null,
      key: null,
      origin: null,
      event: 'tick',
      contentType: null,
      data,
      expiresAt: null,
      traceparent: null,
    };
    const header = { epoch: epoch as Epoch, inbound, prevInbound: lastInbound, inboundTime: time };
    return this.#take({ ...NO_BODY, ...header, event }, key);
  }

  #take(record: OutboundRecord, key: Buffer | null): AppendRecord {
    const verdict = this.#fold.apply(this.#next, record);
    if (verdict.kind === 'fault') throw new Error(verdict.message);
    this.#next = (this.#next + 1) as Offset;
    return { key, value: this.#codec.encodeOutbound(record) };
  }
}

/** The first record of each partition's writer. */
export function claims(writers: readonly OutboundWriter[]): AppendRecord[] {
  const nonce = randomBytes(16);
  const streamId = nonce.toString('hex');
  return writers.map((writer, number) =>
    number === 0 ? writer.claim(nonce, '', writers.length) : writer.claim(randomBytes(16), streamId, writers.length),
  );
}
