/**
 * When to send what has gathered for a peer that takes one request at a time on a connection, as a Kafka broker does: sending a second
 * request while the first is being worked on gains nothing and costs a request, so what becomes ready meanwhile waits for
 * the answer and goes together. Never longer than `holdMs`: a request that hangs must not hold back those of others.
 *
 *     idle ──wake──▶ end of this turn ──▶ send ──answer──▶ idle, or send again
 *                        wake while under way: after the answer, or `holdMs`
 */

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
    if (this.#underWay > 0) {
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
      if (this.#underWay === 0 && this.#waiting) this.#run();
    };
    this.#send().then(answered, answered);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
