/**
 * Consecutive events of one room as the bytes that members get: built once for all members that lack exactly these events, in
 * each of its forms (one message per event or `batch` messages, plain or compressed) only when somebody wants it.
 */
import type { Buffer } from 'node:buffer';
import type { Seq } from '../../core/ids.ts';
import { batchFrame, eventFrame, gapFrame } from '../protocol/event-frame.ts';
import type { Sink, StoredEvent } from '../stream.ts';
import { frameTexts } from './writer.ts';

/** Greatest `batch` frame, unless a single event is larger: clients parse a frame as a whole. */
const MAX_BATCH_FRAME_BYTES = 32_768;

/** A frame that may be put in a batch (an event) or has to stand alone (a gap). */
interface Payload {
  readonly frame: Buffer;
  readonly isEvent: boolean;
}

/** Whether an event may no longer be delivered at `timeMs` (ms since the Unix epoch). */
export function isExpired(event: StoredEvent, timeMs: number): boolean {
  return event.expiresAt !== null && event.expiresAt <= timeMs;
}

export class Delivery {
  /** Never empty, of one room, contiguous in seq. */
  readonly events: readonly StoredEvent[];
  readonly firstSeq: number;
  readonly last: StoredEvent;
  /** Gaps that stand in for expired events. */
  readonly gaps: number;
  readonly #payloads: readonly Payload[];
  #plain: Buffer | null = null;
  #batched: Buffer | null = null;
  #deflated: Buffer | null = null;
  #batchedDeflated: Buffer | null = null;

  /** @param timeMs ms since the Unix epoch: what expires by then is replaced by a `gap`. */
  constructor(events: readonly StoredEvent[], timeMs: number) {
    const first = events[0];
    const last = events.at(-1);
    if (first === undefined || last === undefined) throw new RangeError('a delivery needs an event');
    this.events = events;
    this.firstSeq = first.seq;
    this.last = last;
    const payloads: Payload[] = [];
    let gaps = 0;
    for (let index = 0; index < events.length; index += 1) {
      const event = events[index] as StoredEvent;
      if (!isExpired(event, timeMs)) {
        payloads.push({ frame: eventFrame(event), isEvent: true });
        continue;
      }
      const end = endOfExpired(events, index, timeMs);
      payloads.push({ frame: expiredGap(event.seq, events[end] as StoredEvent), isEvent: false });
      gaps += 1;
      index = end;
    }
    this.#payloads = payloads;
    this.gaps = gaps;
  }

  /** As this member takes it. */
  framed({ batch, deflate }: Pick<Sink, 'batch' | 'deflate'>): Buffer {
    if (deflate === null) return batch ? this.#asBatches() : this.#asEvents();
    if (batch) {
      this.#batchedDeflated ??= frameTexts(batches(this.#payloads), deflate);
      return this.#batchedDeflated;
    }
    this.#deflated ??= frameTexts(frames(this.#payloads), deflate);
    return this.#deflated;
  }

  /** One message for each event. */
  #asEvents(): Buffer {
    this.#plain ??= frameTexts(frames(this.#payloads));
    return this.#plain;
  }

  /** Events joined in `batch` messages; a single one stays an `event`. */
  #asBatches(): Buffer {
    this.#batched ??= frameTexts(batches(this.#payloads));
    return this.#batched;
  }
}

const frames = (payloads: readonly Payload[]): Buffer[] => payloads.map(({ frame }) => frame);

/** The index of the last event of the expired run that begins at `start`. */
function endOfExpired(events: readonly StoredEvent[], start: number, timeMs: number): number {
  let end = start;
  while (end + 1 < events.length && isExpired(events[end + 1] as StoredEvent, timeMs)) end += 1;
  return end;
}

function expiredGap(from: Seq, last: StoredEvent): Buffer {
  return gapFrame(last.room, from, last.seq, last.cursor, 'expired');
}

function batches(payloads: readonly Payload[]): Buffer[] {
  const messages: Buffer[] = [];
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  const close = (): void => {
    if (pending.length === 1) messages.push(pending[0] as Buffer);
    else if (pending.length > 1) messages.push(batchFrame(pending));
    pending = [];
    pendingBytes = 0;
  };
  for (const { frame, isEvent } of payloads) {
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
