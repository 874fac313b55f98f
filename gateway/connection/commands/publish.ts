/** `publish`: permission, the connection's own limits, then the log (durable) or the bus (ephemeral). */
import { RoomlogError } from '../../../core/errors.ts';
import type { RoomId, Seq } from '../../../core/ids.ts';
import { PUBLISHER_WINDOW } from '../../../core/log/record.ts';
import { CLOSE } from '../../protocol/close-codes.ts';
import type { PublishFrame } from '../../protocol/frames.ts';
import { ackText, ephemeralFrame } from '../../protocol/json.ts';
import type { PendingPublish, PublishClient } from '../../publish/pending.ts';
import type { Connection } from '../connection.ts';

/** Publishes without a number that one connection may have unanswered. */
export const MAX_UNNUMBERED = 1_024;
/** What `retryAfter` says where a window is full: about the time in which answers come. */
const WINDOW_RETRY_MS = 50;

export function publish(connection: Connection, frame: PublishFrame): void {
  const { principal, publishes } = connection;
  try {
    principal.permissions.require('publish', frame.room);
    if (frame.ephemeral) void publishEphemeral(connection, frame);
    else publishes.submit(frame);
  } catch (thrown) {
    connection.fail(frame.id, thrown, frame.room);
  }
}

async function publishEphemeral(connection: Connection, frame: PublishFrame): Promise<void> {
  const { services, principal, session } = connection;
  const { id, room, event, data } = frame;
  try {
    const bytes = ephemeralFrame(room, { user: principal.user, session, event, data }, services.clock.now());
    await services.ephemeral.publish(room, bytes);
    connection.answer(id, 'ack', ackText({ id, room, pub: null, seq: null, cursor: null, duplicate: false }));
  } catch (thrown) {
    connection.fail(id, thrown, room);
  }
}

/** A connection's durable publishes that have no answer yet. */
export class UnansweredPublishes implements PublishClient {
  readonly #connection: Connection;
  /** Numbered ones, by room. */
  readonly #numbered = new Map<RoomId, number>();
  #unnumbered = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Throws `rate_limited`, `unavailable`: nothing was produced. */
  submit(frame: PublishFrame): void {
    const { services, principal, session } = this.#connection;
    const { id, room, pub, event, data, ttlMs } = frame;
    const waiting = pub === null ? this.#unnumbered : (this.#numbered.get(room) ?? 0);
    const limit = pub === null ? MAX_UNNUMBERED : PUBLISHER_WINDOW;
    if (waiting >= limit) {
      throw new RoomlogError('rate_limited', `${limit} publishes wait for their answer.`, {
        details: { retryAfter: WINDOW_RETRY_MS },
      });
    }
    services.publisher.submit({ client: this, id, room, user: principal.user, session, pub, event, data, ttlMs });
    if (pub === null) this.#unnumbered += 1;
    else this.#numbered.set(room, waiting + 1);
  }

  onAcked(publish: PendingPublish, seq: Seq | null, cursor: string | null, duplicate: boolean): void {
    const { id, room, pub, startedAtMs } = publish;
    const { clock, metrics } = this.#connection.services;
    this.#forget(publish);
    metrics.published(duplicate ? 'duplicate' : 'acked', clock.monotonic() - startedAtMs);
    this.#connection.answer(id, 'ack', ackText({ id, room, pub, seq, cursor, duplicate }));
  }

  onRefused(publish: PendingPublish, error: RoomlogError): void {
    this.#forget(publish);
    this.#connection.services.metrics.published('refused', null);
    this.#connection.fail(publish.id, error, publish.room);
  }

  /** Says nothing, since nothing is known: the client comes back and sends again. */
  onLost(publish: PendingPublish): void {
    this.#forget(publish);
    this.#connection.services.metrics.published('lost', null);
    this.#connection.close(CLOSE.overloaded, 'publishes are not answered');
  }

  #forget({ room, pub }: PendingPublish): void {
    if (pub === null) {
      this.#unnumbered -= 1;
      return;
    }
    const waiting = (this.#numbered.get(room) ?? 0) - 1;
    if (waiting <= 0) this.#numbered.delete(room);
    else this.#numbered.set(room, waiting);
  }
}
