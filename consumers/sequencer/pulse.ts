/**
 * A wake-up for whoever waits for a condition: anything that may have changed one calls `beat()`; waiters look again. A beat
 * carries no meaning, so a spurious one is harmless, and the process-wide ticker beats too, so that time counts.
 */
export class Pulse {
  #waiting: (() => void) | null = null;
  #next: Promise<void> | null = null;

  beat(): void {
    const wake = this.#waiting;
    this.#waiting = null;
    this.#next = null;
    wake?.();
  }

  /** Resolves at the next beat. */
  next(): Promise<void> {
    this.#next ??= new Promise((resolve) => {
      this.#waiting = resolve;
    });
    return this.#next;
  }

  /** Resolves once `condition` holds; it is looked at now and after every beat. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.next();
  }
}
