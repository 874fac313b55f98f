/**
 * One joined room over the life of a client: keeps the position, joins again from it on every connection, and hands over
 * each event once and in order.
 *
 * The position is that of the last event, gap or `live` handled. Never `joined.cursor` before `live`, and never an ack's: both
 * can be ahead of what was delivered.
 */
import type { Connection } from './connection.ts';
import { callSafely } from './emitter.ts';
import { RoomlogClientError } from './errors.ts';
import type { EphemeralEvent, Gap, JoinedFrame, Live, RoomEvent, ServerFrame } from './frames.ts';
import { Inbox } from './inbox.ts';
import type { Presence } from './presence.ts';
import { RoomPresence } from './room-presence.ts';

export interface JoinOptions {
  /** Start after this cursor, or with `"start"` at the oldest retained event. At most one of `after`, `last`, `since`. */
  readonly after?: string;
  /** Start with the newest so many events. */
  readonly last?: number;
  /** Start with the first event at or after this time, ms since the Unix epoch. */
  readonly since?: number;
  /** Be a member that others see, and see them. */
  readonly presence?: boolean;
  /** Shown to the other members; at most 1 KiB as JSON. */
  readonly meta?: unknown;
  onEvent?(event: RoomEvent): void;
  onEphemeral?(event: EphemeralEvent): void;
  /** Numbers that can't be had. Without this handler (and outside `messages()`) they would go unnoticed. */
  onGap?(gap: Gap): void;
  /** The backlog has been delivered; comes once after every join, also after those of reconnects. */
  onLive?(live: Live): void;
  onPresence?(presence: Presence): void;
  /** The room has ended: no longer allowed, or its cursor is not valid any more. */
  onEnd?(error: RoomlogClientError): void;
}

export type RoomMessage =
  | ({ readonly type: 'event' } & RoomEvent)
  | ({ readonly type: 'gap' } & Gap)
  | ({ readonly type: 'live' } & Live);

export interface RoomHost {
  /** Events kept for a reader that iterates; above it the room is left until half of them have been taken. */
  readonly maxBufferedEvents: number;
  onError(error: RoomlogClientError): void;
  /** The room is over; the host forgets it. */
  onGone(room: Room): void;
}

type Phase = 'out' | 'joining' | 'in' | 'paused' | 'ended';

/** Wait before a join that was refused for now is tried again, where the gateway names none, ms. */
const DEFAULT_RETRY_MS = 1_000;
const RETRYABLE: ReadonlySet<string> = new Set(['unavailable', 'draining', 'rate_limited']);

export class Room {
  readonly name: string;
  readonly #options: JoinOptions;
  readonly #host: RoomHost;
  readonly #presence: RoomPresence;
  readonly #inbox: Inbox<RoomMessage> | null;
  readonly #joined = Promise.withResolvers<Room>();
  #connection: Connection | null = null;
  #phase: Phase = 'out';
  #cursor: string | null = null;
  #seq: number | null = null;
  #recovered = false;
  #head = 0;
  #retryTimer: ReturnType<typeof setTimeout> | null = null;

  constructor(name: string, options: JoinOptions, host: RoomHost) {
    this.name = name;
    this.#options = options;
    this.#host = host;
    const { onPresence } = options;
    this.#presence = new RoomPresence(name, { onPresence, onError: (error) => host.onError(error) });
    // A room with a callback has no second copy of its events; one without is read by iteration.
    this.#inbox = options.onEvent ? null : new Inbox(host.maxBufferedEvents, () => this.#unpause());
    this.#joined.promise.catch(() => {});
  }

  /** Resolves after the first `joined`. */
  get joined(): Promise<Room> {
    return this.#joined.promise;
  }

  /** Where to resume later, with `join(name, { after: cursor })`; null before anything was handled. */
  get cursor(): string | null {
    return this.#cursor;
  }

  /** The number of the last event handled, or skipped by a gap; null before anything was. */
  get seq(): number | null {
    return this.#seq;
  }

  /** The room's newest number at the last join. */
  get headSeq(): number {
    return this.#head;
  }

  /** Whether the last join with a cursor needed no gap. */
  get recovered(): boolean {
    return this.#recovered;
  }

  /** A new connection was welcomed. */
  connected(connection: Connection): void {
    this.#connection = connection;
    this.#presence.connected(connection);
    if (this.#phase === 'out') this.#join();
  }

  disconnected(): void {
    this.#connection = null;
    this.#presence.disconnected();
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
    if (this.#phase === 'joining' || this.#phase === 'in') this.#phase = 'out';
  }

  /** Leaves for good. What was received can still be iterated. */
  leave(): void {
    if (this.#phase === 'joining' || this.#phase === 'in') this.#sayLeave();
    this.#finish(null);
  }

  /** Ends the room because the client has. */
  abandon(error: RoomlogClientError | null): void {
    this.#finish(error);
  }

  /** Replaces what other members see of this one. */
  async setMeta(meta: unknown): Promise<void> {
    const connection = this.#connection;
    if (!connection || this.#phase !== 'in') throw new RoomlogClientError('not_connected', 'Not in the room just now.');
    await this.#presence.setMeta(connection, meta);
  }

  /** Events, gaps and `live` marks in their order. Only for rooms joined without `onEvent`; one loop at a time. */
  async *messages(): AsyncGenerator<RoomMessage, void, void> {
    if (!this.#inbox) throw new TypeError('This room was joined with onEvent; it can not be iterated too.');
    for (let next = await this.#inbox.take(); next.done !== true; next = await this.#inbox.take()) yield next.value;
  }

  /** Events alone, in order. A gap is only seen by `onGap` or `messages()`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<RoomEvent, void, void> {
    for await (const message of this.messages()) if (message.type === 'event') yield message;
  }

  /** Every frame of this room that is no answer. */
  handle(frame: ServerFrame): void {
    if (this.#phase !== 'in') return;
    if (frame.type === 'event') this.handleEvent(frame);
    else if (frame.type === 'live') this.#handleLive(frame);
    else if (frame.type === 'gap') this.#handleGap(frame);
    else if (frame.type === 'presence') this.#presence.handle(frame);
    else if (frame.type === 'error') this.#host.onError(errorIn(this.name, frame));
  }

  handleEvent(event: RoomEvent | EphemeralEvent): void {
    if (this.#phase !== 'in') return;
    if (!('seq' in event) || event.seq === undefined) {
      callSafely(this.#options.onEphemeral, event);
      return;
    }
    if (this.#seq !== null && event.seq <= this.#seq) return;
    this.#expect(event.seq);
    this.#seq = event.seq;
    this.#cursor = event.cursor;
    callSafely(this.#options.onEvent, event);
    this.#store({ ...event, type: 'event' });
  }

  #handleLive(live: Live): void {
    if (this.#seq !== null && live.seq > this.#seq) this.#expect(live.seq + 1);
    if (this.#seq === null || live.seq >= this.#seq) {
      this.#seq = live.seq;
      this.#cursor = live.cursor;
    }
    callSafely(this.#options.onLive, live);
    this.#store({ ...live, type: 'live' });
  }

  #handleGap(gap: Gap): void {
    if (this.#seq !== null && gap.to <= this.#seq) return;
    if (this.#seq !== null && gap.from > this.#seq + 1) this.#expect(gap.from);
    this.#seq = gap.to;
    this.#cursor = gap.cursor;
    callSafely(this.#options.onGap, gap);
    this.#store({ ...gap, type: 'gap' });
  }

  /** Reports numbers that were neither delivered nor announced as a gap. */
  #expect(seq: number): void {
    if (this.#seq === null || seq === this.#seq + 1) return;
    const message = `Room ${this.name}: ${this.#seq + 1} to ${seq - 1} never came and no gap was announced.`;
    this.#host.onError(new RoomlogClientError('hole', message, { room: this.name }));
  }

  #join(): void {
    const connection = this.#connection;
    if (!connection) return;
    this.#phase = 'joining';
    const { presence, meta } = this.#options;
    const body = {
      type: 'join',
      room: this.name,
      ...this.#start(),
      ...(presence === true ? { presence: true } : {}),
      ...(meta === undefined ? {} : { meta }),
    };
    // Not a promise: frames of the room follow `joined` at once, before a promise's reaction would run.
    connection.request(
      (id) => ({ ...body, id }),
      (frame) => {
        if (connection !== this.#connection || this.#phase !== 'joining' || frame === null) return;
        if (frame.type === 'joined') this.#enter(frame);
        else if (frame.type === 'error') this.#refused(errorIn(this.name, frame));
      },
    );
  }

  #start(): Pick<JoinOptions, 'after' | 'last' | 'since'> {
    if (this.#cursor !== null) return { after: this.#cursor };
    const { after, last, since } = this.#options;
    return {
      ...(after === undefined ? {} : { after }),
      ...(last === undefined ? {} : { last }),
      ...(since === undefined ? {} : { since }),
    };
  }

  #enter(frame: JoinedFrame): void {
    this.#phase = 'in';
    this.#head = frame.seq;
    this.#recovered = frame.recovered;
    if (this.#options.presence === true) this.#presence.entered(frame.members);
    this.#joined.resolve(this);
  }

  #refused(error: RoomlogClientError): void {
    this.#phase = 'out';
    if (!RETRYABLE.has(error.code)) {
      this.#finish(error);
      return;
    }
    this.#host.onError(error);
    this.#retryTimer = setTimeout(() => {
      if (this.#phase === 'out') this.#join();
    }, error.details.retryAfterMs ?? DEFAULT_RETRY_MS);
  }

  #store(message: RoomMessage): void {
    this.#inbox?.put(message);
    // The log keeps what the reader has no time for: stop taking, and come back for it.
    if (this.#inbox?.full === true) this.#pause();
  }

  #pause(): void {
    if (this.#phase !== 'in') return;
    this.#sayLeave();
    this.#phase = 'paused';
  }

  #unpause(): void {
    if (this.#phase !== 'paused') return;
    this.#phase = 'out';
    this.#join();
  }

  #sayLeave(): void {
    this.#connection?.request(
      (id) => ({ type: 'leave', room: this.name, id }),
      () => {},
    );
  }

  #finish(error: RoomlogClientError | null): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    this.#joined.reject(error ?? new RoomlogClientError('closed', 'The room was left.', { room: this.name }));
    this.#inbox?.end(error);
    this.#host.onGone(this);
    if (error) callSafely(this.#options.onEnd, error);
  }
}

function errorIn(room: string, frame: ServerFrame & { type: 'error' }): RoomlogClientError {
  return new RoomlogClientError(frame.code, frame.message, {
    room,
    ...(frame.retryAfter === undefined ? {} : { retryAfterMs: frame.retryAfter }),
  });
}
