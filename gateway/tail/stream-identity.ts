/** The stream's id and P as the claims and snapshots tell them: the same on every partition, or the topics do not belong together (ADR 0007). */
import { RoomlogError } from '../../core/errors.ts';
import type { Chain } from '../../core/log/chain.ts';

export class StreamIdentity {
  #id: string | null = null;
  #waiting: Array<() => void> = [];
  readonly #partitions: number;

  /** @param partitions P as configured */
  constructor(partitions: number) {
    this.#partitions = partitions;
  }

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

  /** Throws `stream_mismatch`, `partition_mismatch`. */
  learnFrom({ streamId, partitions: found }: Pick<Chain, 'streamId' | 'partitions'>): void {
    if (streamId !== null) this.learn(streamId);
    const expected = this.#partitions;
    if (found !== null && found !== expected) {
      throw new RoomlogError('partition_mismatch', undefined, { details: { expected, found } });
    }
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
