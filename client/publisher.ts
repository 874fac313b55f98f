/**
 * Sends what the outboxes (`outbox.ts`) hold: durable publishes, numbered per session and room, again after every
 * reconnect until each has its answer. Ephemeral ones are sent once and forgotten.
 */
import { type Connection, errorOf } from './connection.ts';
import { RoomlogClientError } from './errors.ts';
import type { ServerFrame } from './frames.ts';
import { type Consequence, Outbox, Publish, type Published } from './outbox.ts';
import { badData, contentOf, fits, tooLarge, typed } from './payload.ts';
import type { PublishMessage } from './wire.ts';

export interface PublishOptions {
  /** After so many ms the event is no longer delivered to those who come later. Default: never. */
  readonly ttl?: number;
  /** Not stored, not numbered, may be lost; needs a connection. Resolves when the gateway has handed it on. */
  readonly ephemeral?: boolean;
  /** A media type: `data` is a Uint8Array of such bytes. Needs the option `encoding: 'avro'`. */
  readonly contentType?: string;
}

export interface PublisherOptions {
  /** Publishes not sent yet, over all rooms; above it `publish` rejects with `queue_full`. */
  readonly maxQueuedPublishes: number;
  /** Rooms published to in one session; at this many a new session begins when it can. */
  readonly maxRoomsPerSession: number;
  readonly nowMs: () => number;
  /** Called when this session's numbers have ended somewhere; the client ends the session once `quiet`. */
  onRotate(): void;
  /** Called when the last unanswered or queued publish got its answer. */
  onIdle(): void;
}

/** Bytes in the socket above which no new publish is sent. */
const MAX_SOCKET_BYTES = 1_048_576;
/** How often a full socket is looked at again, ms. */
const FULL_SOCKET_RETRY_MS = 20;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #outboxes = new Map<string, Outbox>();
  readonly #heldUntilMs = new Map<string, number>();
  #connection: Connection | null = null;
  #everywhereUntilMs = 0;
  #rotating = false;
  #queued = 0;
  #unsettled = 0;
  #resent = 0;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Publishes not sent yet. */
  get queued(): number {
    return this.#queued;
  }

  /** Publishes sent and not answered. */
  get unanswered(): number {
    return this.#unsettled - this.#queued;
  }

  /** Tries after the first, since the start. */
  get resent(): number {
    return this.#resent;
  }

  get idle(): boolean {
    return this.#unsettled === 0;
  }

  /** Whether the session could be replaced now without a doubt about any publish. */
  get quiet(): boolean {
    for (const outbox of this.#outboxes.values()) if (!outbox.quiet) return false;
    return true;
  }

  /** Gives no new numbers from now on, so that `quiet` comes. Ends with the next session. */
  startRotating(): void {
    this.#rotating = true;
  }

  publish(room: string, event: string, data: unknown, options: PublishOptions): Promise<Published> {
    const content = contentOf(data, options.contentType);
    if (content === undefined) return Promise.reject(badData(room));
    if (options.ephemeral === true) return this.#publishOnce(room, event, content, options);
    if (this.#queued >= this.#options.maxQueuedPublishes) return Promise.reject(this.#full(room));
    return new Promise((resolve, reject) => {
      const expiresAtMs = options.ttl === undefined ? Number.POSITIVE_INFINITY : this.#options.nowMs() + options.ttl;
      const settle =
        <T>(how: (outcome: T) => void) =>
        (outcome: T) => {
          this.#unsettled -= 1;
          how(outcome);
        };
      const outbox = this.#outboxOf(room);
      const settled = { resolve: settle(resolve), reject: settle(reject) };
      outbox.add(new Publish(event, content, expiresAtMs, settled, options.contentType));
      this.#unsettled += 1;
      this.#queued += 1;
      this.#pump(outbox);
    });
  }

  /** A connection has been welcomed. With `newSession`, numbers start again at 1. */
  connected(connection: Connection, newSession: boolean): void {
    this.#connection = connection;
    this.#heldUntilMs.clear();
    this.#everywhereUntilMs = 0;
    if (newSession) {
      this.#rotating = false;
      for (const [room, outbox] of this.#outboxes) {
        outbox.restart();
        if (outbox.queued === 0) this.#outboxes.delete(room);
      }
      this.#recount();
    }
    this.pump();
    if ([...this.#outboxes.values()].some((outbox) => outbox.broken)) this.#options.onRotate();
    this.#reportIdle();
  }

  disconnected(): void {
    this.#connection = null;
    this.#stopTimer();
  }

  /** Ends for good: whatever has no answer is rejected. */
  abandon(cause: RoomlogClientError): void {
    this.disconnected();
    for (const outbox of this.#outboxes.values()) outbox.abandon(cause);
    this.#outboxes.clear();
    this.#queued = 0;
    this.#options.onIdle();
  }

  pump(): void {
    for (const outbox of this.#outboxes.values()) this.#pump(outbox);
  }

  #outboxOf(room: string): Outbox {
    let outbox = this.#outboxes.get(room);
    if (!outbox) {
      outbox = new Outbox(room);
      this.#outboxes.set(room, outbox);
      if (this.#outboxes.size >= this.#options.maxRoomsPerSession) this.#options.onRotate();
    }
    return outbox;
  }

  #pump(outbox: Outbox): void {
    const connection = this.#connection;
    if (!connection || this.#isHeld(outbox)) return;
    for (let publish = outbox.nextToResend(); publish; publish = outbox.nextToResend()) {
      this.#resent += 1;
      this.#send(connection, outbox, publish);
    }
    while (!this.#rotating) {
      const publish = outbox.peek();
      if (!publish) return;
      if (connection.bufferedBytes > MAX_SOCKET_BYTES) {
        this.#wakeIn(FULL_SOCKET_RETRY_MS);
        return;
      }
      this.#queued -= 1;
      const limit = connection.welcome?.maxFrame ?? Number.POSITIVE_INFINITY;
      if (!fits(connection.encode(this.#frame(Number.MAX_SAFE_INTEGER, outbox, publish)), limit)) {
        outbox.refuseFirst(tooLarge(outbox.room, limit));
        this.#reportIdle();
        continue;
      }
      outbox.number();
      this.#send(connection, outbox, publish);
    }
  }

  #send(connection: Connection, outbox: Outbox, publish: Publish): void {
    outbox.sent(publish);
    connection.request(
      (id) => this.#frame(id, outbox, publish),
      (frame) => this.#answered(connection, outbox, publish, frame),
    );
  }

  #frame(id: number, { room }: Outbox, publish: Publish): PublishMessage {
    const { pub, event, data, contentType } = publish;
    const ttlMs = publish.expiresAtMs - this.#options.nowMs();
    // What was to live 10 s and waited 4 s for a connection has 6 s left.
    const ttl = ttlMs === Number.POSITIVE_INFINITY ? {} : { ttl: Math.max(1, Math.round(ttlMs)) };
    return { type: 'publish', id, room, pub, event, ...ttl, ...typed(contentType), data };
  }

  #answered(connection: Connection, outbox: Outbox, publish: Publish, frame: ServerFrame | null): void {
    if (frame === null) {
      outbox.lost(publish);
      return;
    }
    if (frame.type === 'ack') this.#obey(outbox, outbox.acked(publish, frame));
    else if (frame.type === 'error') this.#obey(outbox, outbox.refused(publish, frame, errorOf(frame)));
    else connection.abandon(1002, `a publish was answered by ${frame.type}`);
    this.#reportIdle();
  }

  #obey(outbox: Outbox, consequence: Consequence): void {
    if (consequence.kind === 'hold') {
      const untilMs = this.#options.nowMs() + consequence.waitMs;
      if (consequence.everywhere) this.#everywhereUntilMs = Math.max(this.#everywhereUntilMs, untilMs);
      else this.#heldUntilMs.set(outbox.room, untilMs);
      this.#wakeIn(consequence.waitMs);
      return;
    }
    if (consequence.kind === 'rotate' || this.#rotating) this.#options.onRotate();
    this.#pump(outbox);
  }

  #isHeld(outbox: Outbox): boolean {
    const nowMs = this.#options.nowMs();
    return nowMs < this.#everywhereUntilMs || nowMs < (this.#heldUntilMs.get(outbox.room) ?? 0);
  }

  #wakeIn(waitMs: number): void {
    const atMs = this.#options.nowMs() + waitMs;
    if (atMs >= this.#wakeAtMs) return;
    this.#stopTimer();
    this.#wakeAtMs = atMs;
    this.#timer = setTimeout(
      () => {
        this.#stopTimer();
        this.#wakeForHeld();
        this.pump();
      },
      Math.max(1, Math.ceil(waitMs)),
    );
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#wakeAtMs = Number.POSITIVE_INFINITY;
  }

  /** One timer serves all holds: those that end later are looked at again. */
  #wakeForHeld(): void {
    const nowMs = this.#options.nowMs();
    let nextMs = this.#everywhereUntilMs > nowMs ? this.#everywhereUntilMs : Number.POSITIVE_INFINITY;
    for (const [room, untilMs] of this.#heldUntilMs) {
      if (untilMs <= nowMs) this.#heldUntilMs.delete(room);
      else nextMs = Math.min(nextMs, untilMs);
    }
    if (nextMs !== Number.POSITIVE_INFINITY) this.#wakeIn(nextMs - nowMs);
  }

  #reportIdle(): void {
    if (this.idle) this.#options.onIdle();
  }

  #recount(): void {
    this.#queued = 0;
    for (const outbox of this.#outboxes.values()) this.#queued += outbox.queued;
  }

  #full(room: string): RoomlogClientError {
    const limit = this.#options.maxQueuedPublishes;
    return new RoomlogClientError('queue_full', `${limit} publishes wait already; await some of them first.`, {
      room,
      outcome: 'not_published',
    });
  }

  async #publishOnce(
    room: string,
    event: string,
    data: string | Uint8Array,
    { ttl, contentType }: PublishOptions,
  ): Promise<Published> {
    const connection = this.#connection;
    if (!connection) throw new RoomlogClientError('not_connected', 'There is no connection for an ephemeral publish.');
    const timed = ttl === undefined ? {} : { ttl };
    const message = { type: 'publish', room, event, ephemeral: true, ...timed, ...typed(contentType), data } as const;
    return await new Promise((resolve, reject) => {
      connection.request(
        (id) => ({ ...message, id }),
        (frame) => {
          if (frame?.type === 'ack') resolve({ duplicate: false });
          else if (frame?.type === 'error') reject(errorOf(frame));
          else reject(new RoomlogClientError('connection_lost', 'The connection ended before the answer.', { room }));
        },
      );
    });
  }
}
