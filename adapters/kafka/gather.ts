/**
 * When to send what has gathered for a peer that works on one request of a connection at a time, as a Kafka broker does. A second request may be
 * on its way while the first is worked on: it is there when the broker is done with that, so the way back and forth costs no time. More would
 * only wait at the broker, in smaller pieces, so what becomes ready while two are under way waits for an answer and goes together. Never longer
 * than `holdMs`: a request that hangs must not hold back those of others.
 *
 *     fewer than two under way ──wake──▶ end of this turn ──▶ send
 *     two under way ──wake──▶ after an answer, or `holdMs` ──▶ send
 */

/** Requests of one sender that may be under way before more waits. */
const MAX_UNDER_WAY = 2;

/** Far above a healthy answer, far below what a person notices. */
export const HOLD_MS = 5;

export class Gather {
  readonly #send: () => Promise<unknown>;
  readonly #holdMs: number;
  #underWay = 0;
  #waiting = false;
  #atEndOfTurn = false;
  #timer: NodeJS.Timeout | null = null;

  /** `send` takes all that is waiting; its promise settles with the answer. A rejection counts as an answer. */
  constructor(send: () => Promise<unknown>, holdMs: number = HOLD_MS) {
    this.#send = send;
    this.#holdMs = holdMs;
  }

  /** Something is waiting. */
  wake(): void {
    this.#waiting = true;
    if (this.#underWay >= MAX_UNDER_WAY) {
      this.#timer ??= setTimeout(() => this.#run(), this.#holdMs);
      return;
    }
    if (this.#atEndOfTurn) return;
    this.#atEndOfTurn = true;
    setImmediate(() => {
      this.#atEndOfTurn = false;
      this.#run();
    });
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#waiting = false;
    this.#clearTimer();
  }

  #run(): void {
    this.#clearTimer();
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#underWay += 1;
    const answered = (): void => {
      this.#underWay -= 1;
      if (this.#underWay < MAX_UNDER_WAY && this.#waiting) this.#run();
    };
    this.#send().then(answered, answered);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
