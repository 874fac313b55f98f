/**
 * Sockets that have something to send in this turn of the event loop: each is written to once, so that all that the turn has to say to a client
 * is one system call. One list and one callback for all of them.
 *
 *     tick   when what runs now is done: live events and acks, whose time counts
 *     turn   when all that sockets brought in this turn was handled, after those: answers and what was missed
 *
 * A write that follows another closely costs less than one by itself: whoever reads at the other end is awake by then.
 */
import type { WriteTime } from '../stream.ts';

/** What waits for its time. */
export interface TurnWriter {
  /** Hands what is queued to the socket, if anything still is. Must not throw. */
  writeOut(): void;
}

/** One for all sockets of a gateway. */
export class WriteTurn {
  #atTick: TurnWriter[] = [];
  #atTurn: TurnWriter[] = [];

  /** `writeOut` of each that was added is called once, in the order of the calls. */
  add(writer: TurnWriter, when: WriteTime): void {
    if (when === 'tick') {
      if (this.#atTick.push(writer) === 1) process.nextTick(() => this.#endTick());
    } else if (this.#atTurn.push(writer) === 1) setImmediate(() => this.#endTurn());
  }

  #endTick(): void {
    const waiting = this.#atTick;
    this.#atTick = [];
    for (const writer of waiting) writer.writeOut();
  }

  #endTurn(): void {
    const waiting = this.#atTurn;
    this.#atTurn = [];
    for (const writer of waiting) writer.writeOut();
  }
}
