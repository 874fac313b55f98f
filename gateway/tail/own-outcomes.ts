/**
 * Picks out of all that is sequenced what this gateway itself had published, by the first bytes of `origin`. Publishers are told when the
 * members are written to, not before: most publishers are members, and an ack that goes with its event costs no write of its own.
 */
import { encodeCursor } from '../../core/log/cursor.ts';
import type { Answer } from '../../core/log/record.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { PublishOutcomes, StoredEvent } from '../stream.ts';
import type { StreamIdentity } from './stream-identity.ts';

export interface OwnOutcomesOptions {
  /** The first 8 bytes of every `origin` that this gateway gives. */
  readonly originTag: Uint8Array;
  readonly outcomes: PublishOutcomes;
  readonly identity: StreamIdentity;
  readonly logger: LogSink;
}

export class OwnOutcomes {
  readonly #options: OwnOutcomesOptions;
  /** To be told at the next flush, in the log's order: at most what the tail hands over between two of them. */
  #held: Array<() => void> = [];

  constructor(options: OwnOutcomesOptions) {
    this.#options = options;
  }

  event(event: StoredEvent): void {
    if (this.#isOurs(event.origin)) this.#held.push(() => this.#options.outcomes.onEvent(event));
  }

  answer(answer: Answer): void {
    if (!this.#isOurs(answer.origin)) return;
    this.#held.push(() => this.#options.outcomes.onAnswer({ ...answer, cursor: this.#cursorOf(answer) }));
  }

  /** Tells what was held. */
  flush(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    for (const tell of held) this.#tell(tell);
  }

  #isOurs(origin: Uint8Array | null): boolean {
    const { originTag } = this.#options;
    if (origin === null || origin.byteLength < originTag.length) return false;
    for (let index = 0; index < originTag.length; index += 1) if (origin[index] !== originTag[index]) return false;
    return true;
  }

  #cursorOf({ room, offset, seq }: Answer): string | null {
    const { id } = this.#options.identity;
    return id === null || offset === null || seq === null ? null : encodeCursor(id, room, { offset, seq });
  }

  /** Whoever listens must not be able to stop a partition. */
  #tell(tell: () => void): void {
    try {
      tell();
    } catch (thrown) {
      this.#options.logger.error({ err: thrown }, 'the outcome of a publish was not taken');
    }
  }
}
