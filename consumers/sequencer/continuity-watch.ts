/**
 * Looks every now and then whether inbound is still the log that is being answered. A topic that is deleted and created again under a
 * running sequencer is noticed at once where the new one is shorter; where it is not, reading goes on in the middle of it, and only the timestamp
 * of a record answered before can tell.
 */
import { asRoomlogError } from '../../core/errors.ts';
import { NO_OFFSET, type Offset } from '../../core/ids.ts';
import type { SequencerContext } from './context.ts';
import { readOne } from './input.ts';
import type { ReadBack } from './read-back.ts';

export const LOOK_EVERY_MS = 10_000;

/** An inbound record that was answered. */
interface Mark {
  readonly offset: Offset;
  readonly timestamp: number;
}

export class ContinuityWatch {
  readonly #context: SequencerContext;
  readonly #readBack: ReadBack;
  #mark: Mark | null = null;
  #lookedAt: number | null = null;
  #looking = false;

  constructor(context: SequencerContext, readBack: ReadBack) {
    this.#context = context;
    this.#readBack = readBack;
  }

  /** What is answered from now on is of the inbound that was looked at just now. */
  begin(): void {
    this.#mark = null;
    this.#lookedAt = null;
  }

  /** Called often while the partition is processed; looks when it is time. */
  tick(): void {
    const now = this.#context.clock.monotonic();
    this.#lookedAt ??= now;
    if (this.#looking || now - this.#lookedAt < LOOK_EVERY_MS) return;
    this.#lookedAt = now;
    this.#looking = true;
    void this.#look().finally(() => {
      this.#looking = false;
    });
  }

  async #look(): Promise<void> {
    const mark = this.#mark;
    const { lastInbound, lastInboundTime } = this.#readBack;
    if (mark !== null) {
      try {
        const record = await readOne(this.#context, this.#readBack, mark.offset);
        if (record !== null && this.#mark === mark && record.timestamp !== mark.timestamp)
          this.#raise(mark, record.timestamp);
      } catch (thrown) {
        const { code } = asRoomlogError(thrown, 'kafka_unreachable');
        this.#context.logger.debug({ partition: this.#readBack.partition, code }, 'inbound could not be looked at');
        return;
      }
    }
    const isKnown = lastInbound !== NO_OFFSET && lastInboundTime !== 0;
    if (this.#mark === mark) this.#mark = isKnown ? { offset: lastInbound, timestamp: lastInboundTime } : null;
  }

  #raise({ offset, timestamp }: Mark, found: number): void {
    const { alarms } = this.#context;
    const was = new Date(timestamp).toISOString();
    const message = `inbound record ${offset} is of ${new Date(found).toISOString()}, but the one answered there was of ${was}`;
    alarms.raise('inbound_recreated', this.#readBack.partition, message);
  }
}
