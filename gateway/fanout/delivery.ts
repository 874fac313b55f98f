/**
 * Consecutive events of one room as the bytes that members get: built once for all members that lack exactly these events, in
 * each of its forms (per encoding: one message per event or `batch` messages, plain or compressed) only when somebody wants it.
 */
import type { Buffer } from 'node:buffer';
import type { EventEncoding, Sink, StoredEvent } from '../stream.ts';
import { Forms, type Piece } from './forms.ts';

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
  readonly #pieces: readonly Piece[];
  /** Of the encoding that was asked for first, which is often the only one. */
  #first: Forms | null = null;
  #others: Map<EventEncoding, Forms> | null = null;

  /** @param timeMs ms since the Unix epoch: what expires by then is replaced by a `gap`. */
  constructor(events: readonly StoredEvent[], timeMs: number) {
    const first = events[0];
    const last = events.at(-1);
    if (first === undefined || last === undefined) throw new RangeError('a delivery needs an event');
    this.events = events;
    this.firstSeq = first.seq;
    this.last = last;
    const pieces: Piece[] = [];
    let gaps = 0;
    for (let index = 0; index < events.length; index += 1) {
      const event = events[index] as StoredEvent;
      if (!isExpired(event, timeMs)) {
        pieces.push({ from: null, event });
        continue;
      }
      index = endOfExpired(events, index, timeMs);
      pieces.push({ from: event.seq, event: events[index] as StoredEvent });
      gaps += 1;
    }
    this.#pieces = pieces;
    this.gaps = gaps;
  }

  /** As this member takes it. */
  framed(sink: Pick<Sink, 'encoding' | 'batch' | 'deflate'>): Buffer {
    return this.#formsOf(sink.encoding).framed(sink);
  }

  #formsOf(encoding: EventEncoding): Forms {
    this.#first ??= new Forms(this.#pieces, encoding);
    if (this.#first.encoding === encoding) return this.#first;
    this.#others ??= new Map();
    let forms = this.#others.get(encoding);
    if (forms === undefined) {
      forms = new Forms(this.#pieces, encoding);
      this.#others.set(encoding, forms);
    }
    return forms;
  }
}

/** The index of the last event of the expired run that begins at `start`. */
function endOfExpired(events: readonly StoredEvent[], start: number, timeMs: number): number {
  let end = start;
  while (end + 1 < events.length && isExpired(events[end + 1] as StoredEvent, timeMs)) end += 1;
  return end;
}
