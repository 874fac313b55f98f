/** One partition's inbound, walked through in step with what outbound says was answered. */
import type { Offset } from '../../core/ids.ts';
import type { InboundContent } from './content.ts';

export interface InboundItem {
  readonly offset: Offset;
  /** ms since the Unix epoch. */
  readonly timestamp: number;
  readonly content: InboundContent;
}

export class InboundWalk {
  readonly #chunks: AsyncIterator<readonly InboundItem[]>;
  #chunk: readonly InboundItem[] = [];
  #at = 0;
  #ended = false;

  constructor(source: AsyncIterable<readonly InboundItem[]>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /**
   * The record at `offset`; null where there is none (Kafka's own control records leave holes). Those before it that were not taken go to
   * `passedOver`. Offsets must ascend from call to call. A promise only where more has to be read: most records are there already.
   */
  take(offset: Offset, passedOver: (item: InboundItem) => void): InboundItem | null | Promise<InboundItem | null> {
    for (;;) {
      const item = this.#chunk[this.#at];
      if (item === undefined) return this.#ended ? null : this.#readAndTake(offset, passedOver);
      if (item.offset > offset) return null;
      this.#at++;
      if (item.offset === offset) return item;
      passedOver(item);
    }
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  async #readAndTake(offset: Offset, passedOver: (item: InboundItem) => void): Promise<InboundItem | null> {
    const { done, value } = await this.#chunks.next();
    this.#ended = done === true;
    this.#chunk = done === true ? [] : value;
    this.#at = 0;
    return this.take(offset, passedOver);
  }
}
