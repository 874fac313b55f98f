/**
 * How much a partition may have under way, so that all that have much to do have about as much together whatever their number. What is under way is held by
 * objects, some twenty for each event; where it takes longer to come back than V8 needs to fill its young generation twice, all of it is copied, moved to
 * the old generation and marked there (docs/adr/0026).
 */

import type { Partition } from '../../core/ids.ts';

/** Of all partitions: what each may put into its next batch. It may have three out. */
const BATCHES_BYTES = 786_432;
/** Of all partitions: what is read and decoded, but not decided. */
const QUEUES_BYTES = 524_288;
/** Of a partition that has much to do, in a second. */
const BUSY_RECORDS = 500;
/** Of all partitions, in a second: their way through the process takes some 64 MB of buffers, after which V8 looks through the whole heap. */
const VERY_MANY_RECORDS = 20_000;
/** However many partitions there are: a batch costs the broker and its checks something of its own. */
const LEAST_BATCH_BYTES = 32_768;
const LEAST_QUEUE_BYTES = 16_384;

export class Share {
  #batchBytes = BATCHES_BYTES;
  #queueBytes = QUEUES_BYTES;
  readonly #came = new Map<Partition, number>();

  /** So many inbound records were read. */
  came(partition: Partition, records: number): void {
    this.#came.set(partition, (this.#came.get(partition) ?? 0) + records);
  }

  /** Among those of which many records came since the last time; asked once a second. Whether they were very many together. */
  divideByLoad(): boolean {
    let [busy, all] = [0, 0];
    for (const records of this.#came.values()) {
      all += records;
      if (records >= BUSY_RECORDS) busy++;
    }
    this.#came.clear();
    this.divide(busy);
    return all >= VERY_MANY_RECORDS;
  }

  /** Among so many partitions. */
  divide(partitions: number): void {
    const parts = Math.max(1, partitions);
    this.#batchBytes = Math.max(LEAST_BATCH_BYTES, Math.floor(BATCHES_BYTES / parts));
    this.#queueBytes = Math.max(LEAST_QUEUE_BYTES, Math.floor(QUEUES_BYTES / parts));
  }

  get batchBytes(): number {
    return this.#batchBytes;
  }

  /** Bytes above which a partition's next records are held back. */
  get queueBytes(): number {
    return this.#queueBytes;
  }
}
