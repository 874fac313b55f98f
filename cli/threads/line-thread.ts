/** A thread of `roomlog replay`, seen from its parent. */
import type { Worker } from 'node:worker_threads';
import type { Partition } from '../../core/ids.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import type { SchemaStore } from '../../core/ports/schema-store.ts';
import type { LineBatch, ReplaySetting } from './line-batches.ts';
import type { Ask, Told } from './replay-thread.ts';
import { startThread } from './start-thread.ts';
import { errorOf } from './thread.ts';

/** Reads some of the partitions. Its failures are those of whoever waits for a batch. */
export class LineThread {
  readonly #worker: Worker;
  /** Answers come in the order of the asks. */
  readonly #waiting = new Map<Partition, Array<PromiseWithResolvers<IteratorResult<LineBatch>>>>();
  /** Buffers that go back with the next ask. */
  readonly #done: ArrayBuffer[] = [];
  /** It has ended: nothing that is asked of it any more is ever answered. */
  #failure: Error | null = null;

  constructor(setting: ReplaySetting, schemas: SchemaStore) {
    this.#worker = startThread('replay-thread', setting, schemas);
    this.#worker.on('message', (told: Told) => {
      const asker = this.#waiting.get(told.partition)?.shift();
      if ('failed' in told) asker?.reject(errorOf(told.failed));
      else if (told.batch === null) asker?.resolve({ done: true, value: undefined });
      else asker?.resolve({ done: false, value: this.#lent(told.batch) });
    });
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', (code) => this.#fail(new Error(`a thread of replay ended with ${code}`)));
  }

  /** Each batch that is asked for is made at once, also while others are waited for. */
  batches(partition: Partition, range: OffsetRange): AsyncIterable<LineBatch> {
    const waiting: Array<PromiseWithResolvers<IteratorResult<LineBatch>>> = [];
    this.#waiting.set(partition, waiting);
    const next = (): Promise<IteratorResult<LineBatch>> => {
      if (this.#failure !== null) return Promise.reject(this.#failure);
      const asker = Promise.withResolvers<IteratorResult<LineBatch>>();
      waiting.push(asker);
      const done = this.#done.splice(0);
      this.#worker.postMessage({ partition, range, done } satisfies Ask, done);
      return asker.promise;
    };
    return { [Symbol.asyncIterator]: () => ({ next }) };
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #lent(batch: Omit<LineBatch, 'done'>): LineBatch {
    return { ...batch, done: () => this.#done.push(batch.text.buffer) };
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const askers of this.#waiting.values()) for (const { reject } of askers.splice(0)) reject(error);
  }
}
