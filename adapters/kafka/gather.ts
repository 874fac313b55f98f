/**
 * When to send what has gathered for a peer that works on one request of a connection at a time, as a Kafka broker does. Sending another request while
 * one is worked on costs a request and saves the way back and forth: worth it where requests carry little, so that there are few, not where many
 * would be made of one. So what becomes ready while requests are under way waits for an answer and goes together. Never longer than `holdMs`: a request
 * that hangs must not hold back those of others.
 *
 *     idle, or the last request carried little and it is the only one under way ──wake──▶ end of this turn ──▶ send
 *     else ──wake──▶ after an answer, or `holdMs` ──▶ send
 */

/** A request for no more wakes than this carried little. */
const LITTLE = 4;
/** Requests that may be under way before more waits, where they carry little. */
const MAX_UNDER_WAY = 2;

/** Far above a healthy answer, far below what a person notices. */
export const HOLD_MS = 5;

export class Gather {
  readonly #send: () => Promise<unknown>;
  readonly #holdMs: number;
  #underWay = 0;
  /** Calls of `wake` that nothing was sent for yet, and that the last request was sent for. */
  #wakes = 0;
  #carried = 0;
  #atEndOfTurn = false;
  #timer: NodeJS.Timeout | null = null;

  /** `send` takes all that is waiting; its promise settles with the answer. A rejection counts as an answer. */
  constructor(send: () => Promise<unknown>, holdMs: number = HOLD_MS) {
    this.#send = send;
    this.#holdMs = holdMs;
  }

  /** Something is waiting. */
  wake(): void {
    this.#wakes += 1;
    if (this.#isFull()) {
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
    this.#wakes = 0;
    this.#clearTimer();
  }

  #isFull(): boolean {
    return this.#underWay >= (this.#carried > LITTLE ? 1 : MAX_UNDER_WAY);
  }

  #run(): void {
    this.#clearTimer();
    if (this.#wakes === 0) return;
    this.#carried = this.#wakes;
    this.#wakes = 0;
    this.#underWay += 1;
    const answered = (): void => {
      this.#underWay -= 1;
      if (this.#wakes > 0 && !this.#isFull()) this.#run();
    };
    this.#send().then(answered, answered);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
