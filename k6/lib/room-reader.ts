/**
 * One member's view of one room, checked twice: the room's numbering (`seq`: 1, 2, 3, …) and, in the payloads, each
 * publisher's own (`n`: 1, 2, 3, …). The first shows what was lost on the way out, the second what never got into the room
 * though it was acked, or got into it twice.
 */
import { Sequence } from './sequence.ts';

/** `data` of the events that these scripts publish. */
export interface Payload {
  /** The run's name; events of others are not looked into. */
  readonly run: string;
  /** Number of the client that published. */
  readonly from: number;
  /** Counts the client's events in this room. */
  readonly n: number;
  /** When the event should have been sent: ms since the Unix epoch, by the clock of k6's machine. */
  readonly due: number;
  /** The client's last in this room. */
  readonly end?: boolean;
  readonly pad?: string;
}

export interface EventCounts {
  gaps: number;
  duplicates: number;
  disorder: number;
  lost: number;
}

export interface RoomReaderOptions {
  readonly run: string;
  /** How many clients end their events in this room by one with `end`. */
  readonly ends: number;
  readonly counts: EventCounts;
}

export class RoomReader {
  /** The newest cursor handled; null before the first. */
  cursor: string | null = null;
  live = false;
  readonly #run: string;
  readonly #counts: EventCounts;
  readonly #seqs = new Sequence();
  readonly #publishers = new Map<number, Sequence>();
  #endsToCome: number;
  #gaps = 0;

  constructor({ run, ends, counts }: RoomReaderOptions) {
    this.#run = run;
    this.#counts = counts;
    this.#endsToCome = ends;
  }

  /** Whether this event is news: in its place, or late. */
  event(seq: number, cursor: string, payload: Payload | undefined): boolean {
    const arrival = this.#seqs.take(seq);
    if (arrival === 'seen') {
      this.#counts.duplicates++;
      return false;
    }
    if (arrival === 'late') this.#counts.disorder++;
    else this.cursor = cursor;
    if (payload?.run !== this.#run) return true;
    const ofPublisher = this.#publisher(payload.from).take(payload.n);
    if (ofPublisher === 'seen') this.#counts.duplicates++;
    else if (payload.end === true) this.#endsToCome--;
    // Out of its place in the room it was counted already.
    if (ofPublisher === 'late' && arrival !== 'late') this.#counts.disorder++;
    return ofPublisher !== 'seen';
  }

  gap(from: number, to: number, cursor: string): void {
    this.#seqs.skip(from, to);
    this.#gaps += to - from + 1;
    this.#counts.gaps += to - from + 1;
    this.cursor = cursor;
  }

  /** The backlog, up to `seq`, has been delivered. */
  caughtUp(seq: number, cursor: string): void {
    this.#seqs.expect(seq);
    this.cursor = cursor;
    this.live = true;
  }

  /** How many of a client's own events came back. */
  seenOf(client: number): number {
    return this.#publishers.get(client)?.last ?? 0;
  }

  /** Whether all that end have ended; then no event is to come. */
  get complete(): boolean {
    return this.#endsToCome <= 0;
  }

  /** Call once, at the end: counts what did not come. Of an end that did not come it can't be known how many were before it. */
  close(): void {
    let ofPublishers = 0;
    for (const sequence of this.#publishers.values()) ofPublishers += sequence.missing;
    const missing = Math.max(this.#seqs.missing, ofPublishers - this.#gaps);
    this.#counts.lost += Math.max(0, missing) + Math.max(0, this.#endsToCome);
  }

  #publisher(client: number): Sequence {
    let sequence = this.#publishers.get(client);
    if (sequence === undefined) {
      sequence = new Sequence();
      this.#publishers.set(client, sequence);
    }
    return sequence;
  }
}
