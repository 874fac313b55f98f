/** The forms of one delivery in one encoding, each built when the first member needs it. */
import type { Buffer } from 'node:buffer';
import type { Seq } from '../../core/ids.ts';
import type { EventEncoding, Sink, StoredEvent } from '../stream.ts';
import { frameMessages } from './writer.ts';

/** Greatest `batch` frame, unless a single event is larger: clients parse a frame as a whole. */
const MAX_BATCH_FRAME_BYTES = 32_768;

/** An event; or, with `from`, a gap from that seq up to and including the event's. */
export interface Piece {
  readonly from: Seq | null;
  readonly event: StoredEvent;
}

export class Forms {
  readonly encoding: EventEncoding;
  readonly #pieces: readonly Piece[];
  /** One for each piece; null until they are needed. */
  #made: readonly Buffer[] | null = null;
  #plain: Buffer | null = null;
  #batched: Buffer | null = null;
  #deflated: Buffer | null = null;
  #batchedDeflated: Buffer | null = null;

  constructor(pieces: readonly Piece[], encoding: EventEncoding) {
    this.encoding = encoding;
    this.#pieces = pieces;
  }

  get #frames(): readonly Buffer[] {
    const { encoding } = this;
    this.#made ??= this.#pieces.map(({ from, event }) =>
      from === null ? encoding.event(event) : encoding.gap(event.room, from, event.seq, event.cursor, 'expired'),
    );
    return this.#made;
  }

  framed({ batch, deflate }: Pick<Sink, 'batch' | 'deflate'>): Buffer {
    if (deflate === null) return batch ? this.#asBatches() : this.#asEvents();
    const { opcode } = this.encoding;
    if (batch) {
      this.#batchedDeflated ??= frameMessages(this.#batches(), opcode, deflate);
      return this.#batchedDeflated;
    }
    this.#deflated ??= frameMessages(this.#frames, opcode, deflate);
    return this.#deflated;
  }

  #asEvents(): Buffer {
    this.#plain ??= frameMessages(this.#frames, this.encoding.opcode);
    return this.#plain;
  }

  #asBatches(): Buffer {
    this.#batched ??= frameMessages(this.#batches(), this.encoding.opcode);
    return this.#batched;
  }

  /** Events joined in `batch` messages; a single one stays an `event`, and a gap stands alone. */
  #batches(): Buffer[] {
    const messages: Buffer[] = [];
    let pending: Buffer[] = [];
    let pendingBytes = 0;
    const frames = this.#frames;
    const close = (): void => {
      if (pending.length === 1) messages.push(pending[0] as Buffer);
      else if (pending.length > 1) messages.push(this.encoding.batch(pending));
      pending = [];
      pendingBytes = 0;
    };
    for (let index = 0; index < this.#pieces.length; index += 1) {
      const frame = frames[index] as Buffer;
      const isEvent = this.#pieces[index]?.from === null;
      if (!isEvent || pendingBytes + frame.length > MAX_BATCH_FRAME_BYTES) close();
      if (!isEvent) {
        messages.push(frame);
        continue;
      }
      pending.push(frame);
      pendingBytes += frame.length;
    }
    close();
    return messages;
  }
}
