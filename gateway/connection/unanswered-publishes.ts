/** A connection's durable publishes that have no answer yet, and how many of them it may have. */
import { RoomlogError } from '../../core/errors.ts';
import type { RoomId, Seq, SessionId } from '../../core/ids.ts';
import { PUBLISHER_WINDOW } from '../../core/log/record.ts';
import type { Principal } from '../auth/token.ts';
import type { StoredContent } from '../binding/bound-events.ts';
import { CLOSE } from '../protocol/close-codes.ts';
import type { Encoding, Payload } from '../protocol/encoding.ts';
import type { PublishFrame } from '../protocol/frames.ts';
import type { HeldReader } from '../publish/held-readers.ts';
import type { PendingPublish, PublishClient } from '../publish/pending.ts';
import { ConvertedPublish } from './converted-publish.ts';
import type { Services } from './services.ts';

/** Publishes without a number that one connection may have unanswered. */
export const MAX_UNNUMBERED = 1_024;
/** Rooms whose count is kept at 0: an entry that comes and goes with each publish has the Map made anew again and again. */
const KEPT_ROOMS = 8;
/** What `retryAfter` says where a window is full: about the time in which answers come. */
const WINDOW_RETRY_MS = 50;

/** The connection, as far as its publishes need it. */
export interface PublishOwner {
  readonly services: Services;
  readonly reader: HeldReader;
  readonly principal: Principal;
  readonly session: SessionId;
  readonly encoding: Encoding;
  answer(id: number, type: 'ack', frame: Payload): void;
  fail(id: number, error: RoomlogError, room: RoomId): void;
  close(code: number, reason: string): void;
}

export class UnansweredPublishes implements PublishClient {
  readonly #owner: PublishOwner;
  /** Numbered ones, by room; made by the first, since most connections only listen. */
  #numbered: Map<RoomId, number> | null = null;
  #unnumbered = 0;

  constructor(owner: PublishOwner) {
    this.#owner = owner;
  }

  /** Throws `rate_limited`, `unavailable`: nothing was produced. @param stored the frame's data as the log is to hold it */
  submit(frame: PublishFrame, stored: StoredContent): void {
    const { services, principal } = this.#owner;
    const { user } = principal;
    const session = frame.pub === null ? null : this.#owner.session;
    const { id, room, pub, event, ttlMs } = frame;
    const { contentType, data } = stored;
    const waiting = pub === null ? this.#unnumbered : (this.#numbered?.get(room) ?? 0);
    const limit = pub === null ? MAX_UNNUMBERED : PUBLISHER_WINDOW;
    if (waiting >= limit) {
      throw new RoomlogError('rate_limited', `${limit} publishes wait for their answer.`, {
        details: { retryAfter: WINDOW_RETRY_MS },
      });
    }
    const request = {
      client: this,
      reader: this.#owner.reader,
      id,
      room,
      user,
      session,
      pub,
      event,
      contentType,
      data,
      ttlMs,
    };
    if (pub === null || stored.schemaId === null) services.publisher.submit(request);
    else new ConvertedPublish(services, request, frame.data, stored.schemaId).submit();
    if (pub === null) this.#unnumbered += 1;
    else {
      this.#numbered ??= new Map();
      this.#numbered.set(room, waiting + 1);
    }
  }

  onAcked(publish: PendingPublish, seq: Seq | null, cursor: string | null, duplicate: boolean): void {
    const { id, room, pub, startedAtMs } = publish;
    const { clock, metrics } = this.#owner.services;
    this.#forget(publish);
    metrics.published(duplicate ? 'duplicate' : 'acked', clock.monotonic() - startedAtMs);
    this.#owner.answer(id, 'ack', this.#owner.encoding.ack({ id, room, pub, seq, cursor, duplicate }));
  }

  onRefused(publish: PendingPublish, error: RoomlogError): void {
    this.#forget(publish);
    this.#owner.services.metrics.published('refused', null);
    this.#owner.fail(publish.id, error, publish.room);
  }

  /** Says nothing, since nothing is known: the client comes back and sends again. */
  onLost(publish: PendingPublish): void {
    this.#forget(publish);
    this.#owner.services.metrics.published('lost', null);
    this.#owner.close(CLOSE.overloaded, 'publishes are not answered');
  }

  #forget({ room, pub }: PendingPublish): void {
    if (pub === null) {
      this.#unnumbered -= 1;
      return;
    }
    const numbered = this.#numbered;
    if (numbered === null) return;
    const waiting = Math.max(0, (numbered.get(room) ?? 0) - 1);
    if (waiting === 0 && numbered.size > KEPT_ROOMS) numbered.delete(room);
    else numbered.set(room, waiting);
  }
}
