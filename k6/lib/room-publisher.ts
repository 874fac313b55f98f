/**
 * Publishes one client's events in one room: at their times, numbered, at most 32 unanswered, sent again under the same
 * numbers after a reconnect or a refusal that asks for it. Sends nothing by itself: `tick` and `answer` do.
 */
import type { Payload } from './room-reader.ts';

/** The protocol allows no more unanswered in one room. */
const WINDOW = 32;
const RETRY_MS = 250;
/** Bytes of a payload without its padding, about. */
const PAYLOAD_BYTES = 90;

export interface PublisherOptions {
  readonly room: string;
  readonly run: string;
  readonly from: number;
  /** Size of `data`. */
  readonly bytes: number;
  /** When the first event is due, and until when events are; ms since the epoch. */
  readonly firstDueMs: number;
  readonly untilMs: number;
  /** ms from one event to the next. */
  gapMs(): number;
  /** At most so many events. */
  readonly limit: number;
  /** When an event that ends the room is due; null for none. */
  readonly endMs: number | null;
}

/** What became of it, for the metrics. */
export interface PublisherEvents {
  sent(dueMs: number, nowMs: number): void;
  acked(dueMs: number): void;
  /** A refusal that asks to try again. */
  refused(code: string): void;
}

/** Sends a `publish` frame and returns the `id` it got. */
export type Send = (frame: object) => number;

interface Pending {
  readonly pub: number;
  readonly data: Payload;
  /** Of the try that has no answer yet; 0: none is under way. */
  id: number;
}

interface Answer {
  readonly type: string;
  readonly code?: string;
  readonly retryAfter?: number;
}

/** The refusals after which the same publish is sent again. */
const RETRYABLE = ['unavailable', 'rate_limited', 'out_of_order', 'draining'];

export class RoomPublisher {
  /** How many were given a number. */
  count = 0;
  readonly #options: PublisherOptions;
  readonly #events: PublisherEvents;
  readonly #pad: string;
  readonly #pending: Pending[] = [];
  #send: Send | null = null;
  #nextDueMs: number;
  #ended: boolean;
  /** Set while refused ones wait to be sent again; no new ones go out meanwhile. */
  #retryAtMs: number | null = null;

  constructor(options: PublisherOptions, events: PublisherEvents) {
    this.#options = options;
    this.#events = events;
    this.#nextDueMs = options.firstDueMs;
    this.#ended = options.endMs === null;
    this.#pad = 'x'.repeat(Math.max(0, options.bytes - PAYLOAD_BYTES));
  }

  /** A connection is there: what has no answer is sent again, in order. */
  connected(send: Send): void {
    this.#send = send;
    this.#retryAtMs = null;
    this.#sendPending();
  }

  disconnected(): void {
    this.#send = null;
    for (const one of this.#pending) one.id = 0;
  }

  /** Who is away on purpose doesn't publish: what fell due meanwhile is left out. */
  skipTo(nowMs: number): void {
    this.#nextDueMs = Math.max(this.#nextDueMs, nowMs);
  }

  /** Sends what is due. Returns when to be called again; null: when an answer has come. */
  tick(nowMs: number): number | null {
    if (this.#send === null) return null;
    if (this.#retryAtMs !== null) {
      if (this.#pending.some(({ id }) => id !== 0)) return null;
      if (nowMs < this.#retryAtMs) return this.#retryAtMs;
      this.#retryAtMs = null;
      this.#sendPending();
    }
    for (;;) {
      const dueMs = this.#due();
      if (dueMs === null) return null;
      if (dueMs > nowMs) return dueMs;
      if (this.#pending.length >= WINDOW) return null;
      this.#publish(dueMs, nowMs);
    }
  }

  /** What an `ack` or `error` with one of this publisher's ids says. Returns whether it is in order; if not, give up. */
  answer(id: number, answer: Answer, nowMs: number): boolean {
    const index = this.#pending.findIndex((one) => one.id === id);
    const one = this.#pending[index];
    if (one === undefined) return true;
    if (answer.type === 'ack') {
      this.#pending.splice(index, 1);
      this.#events.acked(one.data.due);
      return true;
    }
    const code = answer.code ?? '';
    if (!RETRYABLE.includes(code)) return false;
    one.id = 0;
    this.#retryAtMs = Math.max(this.#retryAtMs ?? 0, nowMs + (answer.retryAfter ?? RETRY_MS));
    this.#events.refused(code);
    return true;
  }

  /** All is published and answered. */
  get finished(): boolean {
    return this.#pending.length === 0 && this.#due() === null;
  }

  #due(): number | null {
    const { untilMs, limit, endMs } = this.#options;
    if (this.#nextDueMs < untilMs && this.count < limit) return this.#nextDueMs;
    return this.#ended ? null : endMs;
  }

  #publish(dueMs: number, nowMs: number): void {
    const { run, from, untilMs, limit } = this.#options;
    const end = dueMs !== this.#nextDueMs || dueMs >= untilMs || this.count >= limit;
    const n = ++this.count;
    if (end) this.#ended = true;
    else this.#nextDueMs += this.#options.gapMs();
    const data: Payload = { run, from, n, due: dueMs, ...(end ? { end } : {}), pad: this.#pad };
    const one = { pub: n, data, id: 0 };
    this.#pending.push(one);
    this.#transmit(one);
    this.#events.sent(dueMs, nowMs);
  }

  #sendPending(): void {
    for (const one of this.#pending) this.#transmit(one);
  }

  #transmit(one: Pending): void {
    const { room } = this.#options;
    one.id = this.#send?.({ type: 'publish', room, pub: one.pub, event: 'load', data: one.data }) ?? 0;
  }
}
