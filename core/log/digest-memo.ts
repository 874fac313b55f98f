/**
 * What was worked out to decide publishes that are not read back yet, so that it is not worked out again to fold them. Content
 * is compared, never assumed: whatever stands in the log gets its own digest.
 */
import { Buffer } from 'node:buffer';
import type { Offset } from '../ids.ts';
import { Queue } from '../limits/queue.ts';
import { type Digest, type DigestOf, digestOf } from './digest.ts';
import type { InboundEvent } from './record.ts';

/** More than two batches of 256 KB can hold; each keeps its publish's data in memory until it is read back. */
const MAX_REMEMBERED_DIGESTS = 16_384;

/** A numbered publish's `publisherKey` and when its session was minted. */
export interface PublisherName {
  readonly name: string;
  readonly mintedAt: number;
}

/** What a digest is of, and whose it is. */
type Publish = Pick<InboundEvent, 'room' | 'user' | 'session' | 'event' | 'data'>;

interface Remembered {
  readonly inbound: Offset;
  readonly publish: Publish;
  readonly digest: Digest;
  readonly publisher: PublisherName | null;
}

export interface Taken {
  readonly digest: Digest;
  readonly publisher: PublisherName | null;
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => one === other || Buffer.compare(one, other) === 0;

export class DigestMemo {
  readonly digestOf: DigestOf;
  /** In the order of inbound offsets: decisions are made, and read back, in that order. */
  readonly #inFlight: Queue<Remembered>;

  constructor(compute: DigestOf = digestOf, limit: number = MAX_REMEMBERED_DIGESTS) {
    this.digestOf = compute;
    this.#inFlight = new Queue(limit);
  }

  /** Remembers what inbound's content hashed to, and whose it is. Past the limit it is not remembered, which costs time only. */
  remember(inbound: Offset, publish: Publish, digest: Digest, publisher: PublisherName | null): void {
    this.#inFlight.push({ inbound, publish, digest, publisher });
  }

  /** The content's digest: the remembered one, once, where this inbound's content is the same. `publisher`: null where it is not known. */
  take(inbound: Offset, publish: Publish): Taken {
    let known = this.#inFlight.peek();
    while (known !== undefined && known.inbound < inbound) {
      this.#inFlight.shift();
      known = this.#inFlight.peek();
    }
    const { event, data } = publish;
    if (known?.inbound !== inbound) return { digest: this.digestOf(event, data), publisher: null };
    this.#inFlight.shift();
    const decided = known.publish;
    if (decided.event !== event || !isSame(decided.data, data)) {
      return { digest: this.digestOf(event, data), publisher: null };
    }
    const { room, user, session } = decided;
    const isTheirs = room === publish.room && user === publish.user && session === publish.session;
    return isTheirs ? known : { digest: known.digest, publisher: null };
  }

  clear(): void {
    if (this.#inFlight.size > 0) this.#inFlight.clear();
  }
}
