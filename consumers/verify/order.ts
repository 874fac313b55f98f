/**
 * The order of one partition's accepted events: every room's seq, every session's pub, every key, one after the other. Holds the
 * rooms and what a sequencer holds of publishers, without their windows: sessions and keys are let go of when they are too old to count.
 */
import type { RoomId, SessionId, UserId } from '../../core/ids.ts';
import type { Answer, SequencedEvent } from '../../core/log/record.ts';
import { idempotencyKey, type PublishersLimits } from '../../core/sequencing/publishers.ts';
import { FORGET_AFTER_MS } from '../../core/sequencing/sessions.ts';
import { sessionTime } from '../../core/sequencing/uuidv7.ts';
import type { FindingKind } from './finding.ts';
import { LastPubs } from './last-pubs.ts';

export type Report = (kind: FindingKind, message: string) => void;

/** Keys that are too old are looked for so often, ms of log time. */
const SWEEP_MS = 600_000;

export class Order {
  readonly #limits: PublishersLimits;
  /** Whether the partition was read from its first record; else the first number seen of a room or session is believed. */
  readonly #complete: boolean;
  readonly #heads = new Map<RoomId, number>();
  readonly #pubs = new LastPubs();
  /** Log time of the last use, in the order of time. */
  readonly #keys = new Map<string, number>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(limits: PublishersLimits, complete: boolean) {
    this.#limits = limits;
    this.#complete = complete;
  }

  get rooms(): number {
    return this.#heads.size;
  }

  /** An accepted event; `logTime` includes its own. */
  event(event: SequencedEvent, logTime: number, report: Report): void {
    this.#seq(event, report);
    if (event.session !== null && event.pub !== null) this.#pub(event, event.session, event.pub, logTime, report);
    if (event.key !== null) this.#key(event, event.key, logTime, report);
    this.#sweep(logTime);
  }

  /** An accepted answer: what it says of numbers must be true, above all that a duplicate has an original. */
  answer(answer: Answer, report: Report): void {
    const { code, room, user, session, pub, seq, expected } = answer;
    const head = this.#heads.get(room) ?? (this.#complete ? 0 : Number.POSITIVE_INFINITY);
    if (code === 'duplicate' && seq !== null && seq > head) {
      report('answer_unfounded', `it names seq ${seq} of ${room} as the original, whose last event has ${head}`);
    }
    if (session === null || pub === null) return;
    const last = this.#lastPub(room, user, session);
    if (last === undefined) return;
    if (code === 'duplicate' && pub > last) {
      report(
        'answer_unfounded',
        `publish ${pub} of session ${session} is called a duplicate, but ${last} was the last one`,
      );
    }
    if (code === 'out_of_order' && (expected !== last + 1 || pub <= last + 1)) {
      report('answer_unfounded', `it refuses ${pub} and waits for ${expected} of session ${session}, after ${last}`);
    }
  }

  #seq({ room, seq }: SequencedEvent, report: Report): void {
    const head = this.#heads.get(room) ?? (this.#complete ? 0 : seq - 1);
    if (seq > head + 1) report('seq_hole', `${room} has ${seq} after ${head}`);
    if (seq <= head) report('seq_repeat', `${room} has ${seq} again, after ${head}`);
    // On from the higher one: one fault is one finding.
    this.#heads.set(room, Math.max(head, seq));
  }

  #pub(
    event: SequencedEvent,
    session: NonNullable<SequencedEvent['session']>,
    pub: number,
    logTime: number,
    report: Report,
  ): void {
    const { room, user } = event;
    const mintedAt = sessionTime(session);
    if (mintedAt === null || mintedAt < this.#forgottenBefore(logTime)) {
      report('session_invalid', `the session ${session} is no UUIDv7, or too old for what was accepted of it`);
      return;
    }
    const last = this.#pubs.get(room, user, session, mintedAt) ?? (this.#complete ? 0 : pub - 1);
    if (pub > last + 1) report('pub_hole', `session ${session} of ${user} in ${room} has publish ${pub} after ${last}`);
    if (pub <= last)
      report('pub_repeat', `session ${session} of ${user} in ${room} has publish ${pub} again, after ${last}`);
    this.#pubs.set(room, user, session, mintedAt, Math.max(last, pub));
  }

  /** undefined where it can't be known: nothing of the session was seen, and not all was read. */
  #lastPub(room: RoomId, user: UserId, session: SessionId): number | undefined {
    const mintedAt = sessionTime(session);
    const known = mintedAt === null ? undefined : this.#pubs.get(room, user, session, mintedAt);
    return known ?? (this.#complete ? 0 : undefined);
  }

  #key({ room, user }: SequencedEvent, key: string, logTime: number, report: Report): void {
    const name = idempotencyKey(room, user, key);
    const usedAt = this.#keys.get(name);
    if (usedAt !== undefined && logTime - usedAt <= this.#limits.keyWindowMs) {
      report('key_repeat', `a key of ${user} in ${room} was accepted again after ${logTime - usedAt} ms`);
    }
    this.#keys.delete(name);
    this.#keys.set(name, logTime);
  }

  #forgottenBefore(logTime: number): number {
    return logTime - this.#limits.sessionMaxAgeMs - FORGET_AFTER_MS;
  }

  #sweep(logTime: number): void {
    if (logTime - this.#sweptAt < SWEEP_MS) return;
    this.#sweptAt = logTime;
    this.#pubs.forget(this.#forgottenBefore(logTime));
    for (const [name, usedAt] of this.#keys) {
      if (logTime - usedAt <= this.#limits.keyWindowMs) break;
      this.#keys.delete(name);
    }
  }
}
