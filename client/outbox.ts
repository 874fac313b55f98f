/**
 * One room's publishes of one session: numbers them, keeps what is unanswered, and judges the answers. It decides; the
 * publisher (`publisher.ts`) sends.
 *
 * Two kinds of trouble end a session's numbers in a room:
 *
 * - a **hole**: number n was finally refused on its first try while higher ones had been sent. n was never produced and never
 *   will be, so the sequencer can never accept a higher number of this session: these may go to a new session as they are.
 * - a **loss**: the sequencer does not know the session (any more), or knows the number with other content. Publishes of which every
 *   try was answered may go to a new session; of the others nobody can say whether they were sequenced.
 *
 * Either way the affected ones are *stranded*: never sent again under their numbers.
 */
import { RoomlogClientError } from './errors.ts';
import type { AckFrame, ErrorFrame } from './frames.ts';

/** What a durable publish resolves with. */
export interface Published {
  /** The room's number of the event; absent for a duplicate older than the last 32. */
  readonly seq?: number;
  /** Names the event; never resume a joined room from it, since it may be ahead of what was delivered. */
  readonly cursor?: string;
  /** A re-send whose first try had already been sequenced: success all the same. */
  readonly duplicate: boolean;
}

/** The protocol's limit of unanswered publishes per session and room. */
export const MAX_UNANSWERED = 32;

/** Answers of a gateway that did not produce anything. */
const REFUSED_BY_GATEWAY: ReadonlySet<string> = new Set([
  'forbidden',
  'schema_rejected',
  'too_large',
  'rate_limited',
  'invalid_room',
  'bad_frame',
]);
/** Answers after which the same publish is tried again. */
const TRY_AGAIN: ReadonlySet<string> = new Set(['rate_limited', 'unavailable', 'draining', 'outcome_unknown']);
/** Wait before another try where the gateway names none, ms. */
const DEFAULT_RETRY_MS = 1_000;

export class Publish {
  readonly event: string;
  /** JSON text; bytes where there is a `contentType`. */
  readonly data: string | Uint8Array;
  /** Absent for JSON. */
  readonly contentType: string | undefined;
  /** Clock time (ms) after which it need not be delivered; Infinity for never. */
  readonly expiresAtMs: number;
  readonly resolve: (published: Published) => void;
  readonly reject: (error: RoomlogClientError) => void;
  /** 0 until it has been numbered. */
  pub = 0;
  /** A try is on its way on the present connection. */
  inFlight = false;
  tries = 0;
  /** When its newest try was sent, counted in tries of its room. */
  serial = 0;
  /** Some try may have been produced and has not been judged. */
  uncertain = false;
  /** Every try so far was refused by a gateway before it was produced. */
  neverProduced = true;

  constructor(
    event: string,
    data: string | Uint8Array,
    expiresAtMs: number,
    settle: { resolve(published: Published): void; reject(error: RoomlogClientError): void },
    contentType?: string,
  ) {
    this.event = event;
    this.data = data;
    this.contentType = contentType;
    this.expiresAtMs = expiresAtMs;
    this.resolve = settle.resolve;
    this.reject = settle.reject;
  }
}

/** What the publisher has to do after an answer. */
export type Consequence =
  | { readonly kind: 'go_on' }
  /** Hold this room's sends, or with `everywhere` all rooms', for so long. */
  | { readonly kind: 'hold'; readonly waitMs: number; readonly everywhere: boolean }
  /** This session's numbers have ended in this room. */
  | { readonly kind: 'rotate' };

const GO_ON: Consequence = { kind: 'go_on' };
const ROTATE: Consequence = { kind: 'rotate' };

export class Outbox {
  readonly room: string;
  /** Sent at least once, or about to be; in the order of their numbers. */
  #unanswered: Publish[] = [];
  /** Not numbered yet. */
  #queue: Publish[] = [];
  #next = 1;
  #anyAcked = false;
  #lastSerial = 0;
  #hole = Number.POSITIVE_INFINITY;
  #lost = Number.POSITIVE_INFINITY;

  constructor(room: string) {
    this.room = room;
  }

  get queued(): number {
    return this.#queue.length;
  }

  get unanswered(): number {
    return this.#unanswered.length;
  }

  /** Whether this session's numbers have ended here. */
  get broken(): boolean {
    return this.#hole !== Number.POSITIVE_INFINITY || this.#lost !== Number.POSITIVE_INFINITY;
  }

  /** Whether a new session may begin: nothing is in flight, and what is unanswered is stranded. */
  get quiet(): boolean {
    return this.#unanswered.every((publish) => !publish.inFlight && this.#isStranded(publish));
  }

  add(publish: Publish): void {
    this.#queue.push(publish);
  }

  /** The numbered publish to send next: unanswered ones first and in order, so that a number never overtakes a lower one. */
  nextToResend(): Publish | null {
    const lowest = this.#unanswered[0];
    for (const publish of this.#unanswered) {
      if (this.#isStranded(publish)) return null;
      if (publish.inFlight) continue;
      // Judged too early, it would be judged so again, until the lowest has been sent once more or answered.
      return publish === lowest || (lowest && lowest.serial > publish.serial) ? publish : null;
    }
    return null;
  }

  /** The next waiting publish, not numbered yet; null when none waits or no number may be given. */
  peek(): Publish | null {
    if (this.broken || this.#unanswered.length >= MAX_UNANSWERED) return null;
    if (this.#unanswered.some((publish) => !publish.inFlight)) return null;
    return this.#queue[0] ?? null;
  }

  /** Gives the next number to the publish that `peek` showed. */
  number(): void {
    const publish = this.#queue.shift();
    if (!publish) return;
    publish.pub = this.#next;
    this.#next += 1;
    this.#unanswered.push(publish);
  }

  /** Throws away the publish that `peek` showed, because it can never be sent. */
  refuseFirst(error: RoomlogClientError): void {
    this.#queue.shift()?.reject(error);
  }

  sent(publish: Publish): void {
    this.#lastSerial += 1;
    publish.serial = this.#lastSerial;
    publish.inFlight = true;
    publish.tries += 1;
  }

  /** The connection ended before the answer: the try may or may not have been produced. */
  lost(publish: Publish): void {
    publish.inFlight = false;
    publish.uncertain = true;
    publish.neverProduced = false;
  }

  acked(publish: Publish, frame: AckFrame): Consequence {
    this.#remove(publish);
    this.#anyAcked = true;
    publish.resolve({
      duplicate: frame.duplicate === true,
      ...(frame.seq === undefined ? {} : { seq: frame.seq }),
      ...(frame.cursor === undefined ? {} : { cursor: frame.cursor }),
    });
    return this.#mended();
  }

  refused(publish: Publish, frame: ErrorFrame, error: RoomlogClientError): Consequence {
    publish.inFlight = false;
    if (!REFUSED_BY_GATEWAY.has(frame.code)) publish.neverProduced = false;
    if (TRY_AGAIN.has(frame.code)) {
      // Whether a gateway that says so has produced it is not promised, except for `rate_limited`.
      if (frame.code !== 'rate_limited') publish.uncertain = true;
      if (this.#isStranded(publish)) return ROTATE;
      const waitMs = frame.retryAfter ?? DEFAULT_RETRY_MS;
      return { kind: 'hold', waitMs, everywhere: frame.code !== 'unavailable' };
    }
    if (frame.code === 'out_of_order' || frame.code === 'session_unknown') return this.#misnumbered(publish, frame);
    return this.#finallyRefused(publish, error);
  }

  /** Begins a new session: stranded publishes lead the queue, those that may have been sequenced are given up. */
  restart(): void {
    const moving: Publish[] = [];
    for (const publish of this.#unanswered) {
      if (publish.uncertain && publish.pub < this.#hole) publish.reject(unknownOutcome(this.room));
      else moving.push(publish);
    }
    for (const publish of moving) {
      publish.pub = 0;
      publish.tries = 0;
      publish.inFlight = false;
      publish.uncertain = false;
      publish.neverProduced = true;
    }
    this.#queue = [...moving, ...this.#queue];
    this.#unanswered = [];
    this.#next = 1;
    this.#anyAcked = false;
    this.#hole = Number.POSITIVE_INFINITY;
    this.#lost = Number.POSITIVE_INFINITY;
  }

  /** Rejects everything, because the client has ended. */
  abandon(cause: RoomlogClientError): void {
    for (const publish of [...this.#unanswered, ...this.#queue]) {
      const outcome = publish.inFlight || publish.uncertain ? 'unknown' : 'not_published';
      publish.reject(new RoomlogClientError('closed', cause.message, { room: this.room, outcome }, cause));
    }
    this.#unanswered = [];
    this.#queue = [];
  }

  #isStranded(publish: Publish): boolean {
    return publish.pub > this.#hole || publish.pub >= this.#lost;
  }

  /** The sequencer saw it, and could not place it. That try is judged: it was not sequenced. */
  #misnumbered(publish: Publish, frame: ErrorFrame): Consequence {
    if (this.#isStranded(publish)) return ROTATE;
    const waitsForLower = this.#unanswered[0] !== publish;
    // Once the lower number has been sequenced, this one can be. (A session that has nothing in a room yet is unknown there to
    // every number but 1.)
    if (waitsForLower && (frame.code === 'out_of_order' || !this.#anyAcked)) return GO_ON;
    // It contradicts itself: only time can tell.
    if (frame.expected === publish.pub) return { kind: 'hold', waitMs: DEFAULT_RETRY_MS, everywhere: false };
    this.#lost = Math.min(this.#lost, publish.pub);
    return ROTATE;
  }

  #finallyRefused(publish: Publish, error: RoomlogClientError): Consequence {
    this.#remove(publish);
    const outcome = publish.uncertain ? 'unknown' : 'not_published';
    publish.reject(new RoomlogClientError(error.code, error.message, { ...error.details, outcome }, error));
    if (!publish.neverProduced && publish.pub < this.#hole) {
      // The number may be taken, by this content or another: it can't be given again, nor can higher ones be relied on.
      this.#lost = Math.min(this.#lost, publish.pub);
      return ROTATE;
    }
    this.#hole = Math.min(this.#hole, publish.pub);
    return this.#mended();
  }

  /** A hole with nothing behind it is no hole: its number is simply the next. */
  #mended(): Consequence {
    if (this.#hole === Number.POSITIVE_INFINITY) return GO_ON;
    const last = this.#unanswered.at(-1);
    if (last && last.pub > this.#hole) return GO_ON;
    this.#next = this.#hole;
    this.#hole = Number.POSITIVE_INFINITY;
    return GO_ON;
  }

  #remove(publish: Publish): void {
    const index = this.#unanswered.indexOf(publish);
    if (index >= 0) this.#unanswered.splice(index, 1);
  }
}

function unknownOutcome(room: string): RoomlogClientError {
  return new RoomlogClientError(
    'outcome_unknown',
    'The session ended before it was known whether this was published. Look for it in the room before publishing it again.',
    { room, outcome: 'unknown' },
  );
}
