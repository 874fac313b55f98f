/** The stream's id as the claims tell it: the same on every partition, or the topics do not belong together (ADR 0007). */
import { RoomlogError } from '../../core/errors.ts';

export class StreamIdentity {
  #id: string | null = null;
  #waiting: Array<() => void> = [];

  /** null before the first claim was read. */
  get id(): string | null {
    return this.#id;
  }

  /** Throws `stream_mismatch`. */
  learn(id: string): void {
    if (this.#id === id) return;
    if (this.#id !== null) {
      throw new RoomlogError('stream_mismatch', undefined, { details: { known: this.#id, found: id } });
    }
    this.#id = id;
    for (const resolve of this.#waiting) resolve();
    this.#waiting = [];
  }

  /** Waits for the first claim. Throws `unavailable` after `timeoutMs`: no sequencer has started yet. */
  async known(timeoutMs: number): Promise<string> {
    if (this.#id === null) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    if (this.#id === null) throw new RoomlogError('unavailable', 'No sequencer has claimed this stream yet.');
    return this.#id;
  }
}
