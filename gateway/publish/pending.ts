/**
 * Publishes that wait for what the log says about them. A publish is known by its `origin`, 16 bytes that travel with it:
 *
 *     8 bytes: random, made at this gateway's start | 8 bytes: a counter, big-endian, never reused
 *
 * The origin alone proves nothing, since any Kafka producer can write one: room, user, session and pub must match too, and an event's
 * name and data must be what the client gave. Whoever copies all of the former and is sequenced first, with data of his own, does not get
 * this client an ack: its own record follows.
 */
import { Buffer } from 'node:buffer';
import { RoomlogError } from '../../core/errors.ts';
import type { Pub, RoomId, Seq, SessionId, UserId } from '../../core/ids.ts';
import type { Answer } from '../../core/log/record.ts';
import type { PublishOutcomes, StoredEvent } from '../stream.ts';
import type { Content } from './content.ts';
import { NumberLine } from './number-line.ts';

export const ORIGIN_TAG_BYTES = 8;
const ORIGIN_BYTES = 16;
const TWO_TO_32 = 2 ** 32;

/** Told what became of its publishes; a connection, or whoever asked. Never called synchronously from `submit`. */
export interface PublishClient {
  /** `seq` and `cursor` are null for a duplicate whose original is too old to be known. */
  onAcked(publish: PendingPublish, seq: Seq | null, cursor: string | null, duplicate: boolean): void;
  onRefused(publish: PendingPublish, error: RoomlogError): void;
  /** It can't be told what became of it: the client must be made to ask again. */
  onLost(publish: PendingPublish): void;
}

export interface PendingPublish {
  readonly client: PublishClient;
  /** The id of the client's frame. */
  readonly id: number;
  readonly room: RoomId;
  readonly user: UserId;
  /** Both or neither: a session counts only with a number. */
  readonly session: SessionId | null;
  readonly pub: Pub | null;
  /** The event's name and data. */
  readonly content: Content;
  /** Clock.monotonic() at which it came. */
  readonly startedAtMs: number;
}

type Identity = Pick<Answer, 'origin' | 'room' | 'user' | 'session' | 'pub'>;

export class PendingPublishes implements PublishOutcomes {
  readonly #tag: Buffer;
  /** By counter. */
  readonly #waiting = new NumberLine<PendingPublish>();
  #forged = 0;
  /** Told of every publish of this gateway that the log tells of, also where nobody waits for it any more. */
  onSequenced: (counter: number, room: RoomId) => void = () => {};

  /** @param tag 8 random bytes */
  constructor(tag: Buffer) {
    if (tag.length !== ORIGIN_TAG_BYTES) throw new RangeError('an origin tag has 8 bytes');
    this.#tag = tag;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Events that bore the identity of a waiting publish and other content. */
  get forged(): number {
    return this.#forged;
  }

  add(publish: PendingPublish): number {
    return this.#waiting.add(publish);
  }

  has(counter: number): boolean {
    return this.#waiting.get(counter) !== undefined;
  }

  /** Takes a publish out that was never handed to the log. */
  withdraw(counter: number): void {
    this.#waiting.take(counter);
  }

  originOf(counter: number): Buffer {
    const origin = Buffer.allocUnsafe(ORIGIN_BYTES);
    this.#tag.copy(origin);
    origin.writeUInt32BE(Math.floor(counter / TWO_TO_32), ORIGIN_TAG_BYTES);
    origin.writeUInt32BE(counter % TWO_TO_32, ORIGIN_TAG_BYTES + 4);
    return origin;
  }

  /** Surely not in the log. */
  refuse(counter: number, error: RoomlogError): void {
    const publish = this.#waiting.take(counter);
    publish?.client.onRefused(publish, error);
  }

  /** It can't be told whether it is in the log. */
  lose(counter: number): void {
    const publish = this.#waiting.take(counter);
    publish?.client.onLost(publish);
  }

  /** Gives up on all that came before this moment (Clock.monotonic()). */
  loseOlderThan(monotonicMs: number): void {
    for (let { oldest } = this.#waiting; oldest !== null; { oldest } = this.#waiting) {
      const publish = this.#waiting.get(oldest);
      if (publish === undefined || publish.startedAtMs > monotonicMs) return;
      this.lose(oldest);
    }
  }

  onEvent(event: StoredEvent): void {
    this.#sequenced(event);
    const found = this.#find(event);
    if (found === undefined) return;
    const [counter, publish] = found;
    if (!publish.content.equals(event.event, event.data)) {
      this.#forged += 1;
      return;
    }
    this.#waiting.take(counter);
    publish.client.onAcked(publish, event.seq, event.cursor, false);
  }

  onAnswer(answer: Answer & { readonly cursor: string | null }): void {
    this.#sequenced(answer);
    const found = this.#find(answer);
    if (found === undefined) return;
    const [counter, publish] = found;
    this.#waiting.take(counter);
    if (answer.code === 'duplicate') publish.client.onAcked(publish, answer.seq, answer.cursor, true);
    else publish.client.onRefused(publish, errorOf(answer));
  }

  /** For counting only: another's forged origin can make this gateway count wrong, but not acknowledge. */
  #sequenced({ origin, room }: Identity): void {
    const counter = this.#counterOf(origin);
    if (counter !== undefined) this.onSequenced(counter, room);
  }

  #find(identity: Identity): [counter: number, publish: PendingPublish] | undefined {
    const counter = this.#counterOf(identity.origin);
    if (counter === undefined) return undefined;
    const publish = this.#waiting.get(counter);
    return publish !== undefined && isSame(publish, identity) ? [counter, publish] : undefined;
  }

  #counterOf(origin: Uint8Array | null): number | undefined {
    if (origin === null || origin.length !== ORIGIN_BYTES) return undefined;
    const bytes = Buffer.from(origin.buffer, origin.byteOffset, origin.byteLength);
    if (bytes.compare(this.#tag, 0, ORIGIN_TAG_BYTES, 0, ORIGIN_TAG_BYTES) !== 0) return undefined;
    return bytes.readUInt32BE(ORIGIN_TAG_BYTES) * TWO_TO_32 + bytes.readUInt32BE(ORIGIN_TAG_BYTES + 4);
  }
}

function isSame(publish: PendingPublish, identity: Identity): boolean {
  return (
    publish.room === identity.room &&
    publish.user === identity.user &&
    publish.session === identity.session &&
    publish.pub === identity.pub
  );
}

function errorOf({ code, expected, reason }: Answer): RoomlogError {
  if (code === 'out_of_order') {
    return new RoomlogError('out_of_order', undefined, expected === null ? {} : { details: { expected } });
  }
  if (code === 'session_unknown' || code === 'session_in_use') return new RoomlogError(code);
  if (reason === 'too_large') return new RoomlogError('too_large');
  if (reason === 'too_many_rooms')
    return new RoomlogError('unavailable', 'This partition holds as many rooms as it may.');
  return new RoomlogError('bad_frame', `The sequencer could not take the event: ${reason ?? 'poison'}.`);
}
