/**
 * What `Publishers` held at one moment, walked while more is accepted. Nothing is copied up front: a publisher is copied when
 * it is about to change, a key when it is about to be forgotten.
 *
 * What the walks yield is to be used at once: it may be live state.
 */
import type { Offset } from '../ids.ts';
import type { Publisher, PublisherState, RememberedKey } from './publisher.ts';

export class PublishersCapture {
  /** As `Publishers.forgottenBefore` was, ms. */
  readonly forgottenBefore: number;
  readonly #offset: Offset;
  /** A bucket may be dropped from the live state as a whole, but nothing is ever taken out of one. */
  readonly #buckets: ReadonlyArray<{ readonly publishers: ReadonlyMap<string, Publisher>; readonly size: number }>;
  readonly #keys: ReadonlyMap<string, RememberedKey>;
  readonly #release: () => void;
  readonly #kept = new Map<Publisher, PublisherState>();
  /** Keys that were forgotten before the walk came to them, by offset, as the live keys stand too. */
  #keptKeys: Array<[string, RememberedKey]> = [];
  #walkedKeys = -1;

  constructor(
    offset: Offset,
    buckets: ReadonlyArray<ReadonlyMap<string, Publisher>>,
    keys: ReadonlyMap<string, RememberedKey>,
    forgottenBefore: number,
    release: () => void,
  ) {
    this.#offset = offset;
    this.#buckets = buckets.map((publishers) => ({ publishers, size: publishers.size }));
    this.#keys = keys;
    this.forgottenBefore = forgottenBefore;
    this.#release = release;
  }

  /** In the order of `Publishers.publishers()`. */
  *publishers(): IterableIterator<[string, PublisherState]> {
    for (const { publishers, size } of this.#buckets) {
      let left = size;
      for (const [name, publisher] of publishers) {
        if (left-- === 0) break;
        yield [name, this.#kept.get(publisher) ?? publisher.state];
      }
    }
  }

  /** In the order of `Publishers.keys()`, which is that of their offsets. Once. */
  *keys(): IterableIterator<[string, RememberedKey]> {
    for (const [name, remembered] of this.#keys) {
      const at = offsetOf(remembered);
      if (at >= this.#offset) break;
      yield* this.#keptBelow(at);
      this.#walkedKeys = at;
      yield [name, remembered];
    }
    yield* this.#keptBelow(this.#offset);
  }

  /** This publisher is about to change. */
  keep(publisher: Publisher): void {
    if (this.#kept.has(publisher)) return;
    const { last, window } = publisher.state;
    this.#kept.set(publisher, { last, window: window.slice() });
  }

  /** This key is about to be forgotten. */
  keepKey(name: string, remembered: RememberedKey): void {
    const at = offsetOf(remembered);
    if (at >= this.#offset || at <= this.#walkedKeys) return;
    let place = this.#keptKeys.length;
    while (place > 0 && offsetOf((this.#keptKeys[place - 1] as [string, RememberedKey])[1]) > at) place--;
    this.#keptKeys.splice(place, 0, [name, remembered]);
  }

  /** Nothing more is walked. */
  release(): void {
    this.#release();
    this.#kept.clear();
    this.#keptKeys = [];
  }

  *#keptBelow(offset: number): IterableIterator<[string, RememberedKey]> {
    for (;;) {
      const [first] = this.#keptKeys;
      if (first === undefined || offsetOf(first[1]) >= offset) return;
      this.#keptKeys.shift();
      this.#walkedKeys = offsetOf(first[1]);
      yield first;
    }
  }
}

/** Folded keys have one; one that has none was not in the log at the moment of the capture. */
const offsetOf = ({ offset }: RememberedKey): number => offset ?? Number.POSITIVE_INFINITY;
