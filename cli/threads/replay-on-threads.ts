/** `roomlog replay`: partitions read side by side, their lines merged by time and printed. */
import { Worker } from 'node:worker_threads';
import { readAhead } from '../../consumers/read-ahead.ts';
import { mergeByTime } from '../../consumers/replay/merge.ts';
import { replayedRanges } from '../../consumers/replay/replay.ts';
import type { Partition } from '../../core/ids.ts';
import type { EventLog, OffsetRange } from '../../core/ports/event-log.ts';
import type { SchemaStore } from '../../core/ports/schema-store.ts';
import type { Codec } from '../../schemas/codec.ts';
import { ReadableData } from '../readable-data.ts';
import { type LineBatch, lineBatches, type ReplaySetting, replayOptions } from './line-batches.ts';
import type { Ask, Told } from './replay-thread.ts';
import { errorOf, THREAD_LIMITS, threadScript } from './thread.ts';

export interface ReplayOnThreads {
  readonly setting: ReplaySetting;
  /** At most; a single partition is read by the caller's. */
  readonly threads: number;
  readonly log: EventLog;
  readonly codec: Codec;
  /** What data in Avro is made readable with. */
  readonly schemas: SchemaStore;
  /** Later events are left out. */
  readonly toMs: number;
  /** Ends after so many. */
  readonly count: number;
  /** Waits while the reader is slower than us. */
  readonly print: (lines: Uint8Array) => Promise<void>;
}

/** Lines are printed in portions of about so many bytes. */
const PRINTED_BYTES = 65_536;

export interface Printed {
  readonly events: number;
  readonly bytes: number;
}

/** Throws what `replay` throws. */
export async function replayOnThreads(replay: ReplayOnThreads): Promise<Printed> {
  const { setting, log, codec, schemas } = replay;
  const options = replayOptions(setting, log, codec);
  const ranges = await replayedRanges(options);
  const threads = Math.min(replay.threads, ranges.size);
  if (threads === 1) {
    const readable = new ReadableData(schemas);
    return await printMerged(
      [...ranges].map(([partition, range]) => lineBatches(options, setting.format, partition, range, readable)),
      replay,
    );
  }
  const workers = Array.from({ length: threads }, () => new ReplayThread(setting));
  try {
    const sources = [...ranges].map(([partition, range], index) =>
      readAhead((workers[index % threads] as ReplayThread).batches(partition, range)),
    );
    return await printMerged(sources, replay);
  } finally {
    await Promise.all(workers.map((worker) => worker.end()));
  }
}

async function printMerged(
  sources: ReadonlyArray<AsyncIterable<LineBatch>>,
  { toMs, count, print }: ReplayOnThreads,
): Promise<Printed> {
  let left = count;
  let events = 0;
  let printed = 0;
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const lines = Buffer.concat(waiting, bytes);
    waiting = [];
    bytes = 0;
    printed += lines.length;
    if (lines.length > 0) await print(lines);
  };
  for await (const { batch, from, to } of mergeByTime(sources)) {
    let end = Math.min(to, from + left);
    while (end > from && (batch.times[end - 1] as number) > toMs) end--;
    const lines = batch.text.subarray(from === 0 ? 0 : batch.ends[from - 1], end === 0 ? 0 : batch.ends[end - 1]);
    waiting.push(lines);
    bytes += lines.length;
    left -= end - from;
    events += end - from;
    if (bytes >= PRINTED_BYTES) await flush();
    // Cut short: by the count, or since all that comes is later.
    if (left === 0 || end < to) break;
  }
  await flush();
  return { events, bytes: printed };
}

/** A thread that reads some of the partitions. Its failures are those of whoever waits for a batch. */
class ReplayThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<Partition, { resolve(batch: LineBatch | null): void; reject(error: Error): void }>();
  /** It has ended: nothing that is asked of it any more is ever answered. */
  #failure: Error | null = null;

  constructor(setting: ReplaySetting) {
    this.#worker = new Worker(threadScript('replay-thread'), { workerData: setting, resourceLimits: THREAD_LIMITS });
    this.#worker.on('message', (told: Told) => {
      const asker = this.#waiting.get(told.partition);
      this.#waiting.delete(told.partition);
      if ('failed' in told) asker?.reject(errorOf(told.failed));
      else asker?.resolve(told.batch);
    });
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', (code) => this.#fail(new Error(`a thread of replay ended with ${code}`)));
  }

  async *batches(partition: Partition, range: OffsetRange): AsyncGenerator<LineBatch> {
    for (;;) {
      const batch = await new Promise<LineBatch | null>((resolve, reject) => {
        if (this.#failure !== null) throw this.#failure;
        this.#waiting.set(partition, { resolve, reject });
        this.#worker.postMessage({ partition, range } satisfies Ask);
      });
      if (batch === null) return;
      yield batch;
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
