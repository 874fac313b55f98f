/**
 * Sockets that have something to send in this turn of the event loop: each is written to once, when the turn's work is done, so that
 * all that the turn has to say to a client is one system call. One list and one callback for all of them.
 */

/** What waits for the end of the turn. */
export interface TurnWriter {
  /** Hands what is queued to the socket. Must not throw. */
  writeOut(): void;
}

export class WriteTurn {
  #waiting: TurnWriter[] = [];

  /** `writeOut` of each that was added is called once, in the order of the calls. */
  add(writer: TurnWriter): void {
    if (this.#waiting.push(writer) === 1) process.nextTick(() => this.#end());
  }

  #end(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const writer of waiting) writer.writeOut();
  }
}
