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
const PRINTED_BYTES = 131_072;

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
  let events = 0;
  let printed = 0;
  const portion = new Portion(PRINTED_BYTES);
  const flush = async (): Promise<void> => {
    const lines = portion.take();
    printed += lines.length;
    if (lines.length > 0) await print(lines);
  };
  for await (const runs of mergeByTime(sources)) {
    for (const { batch, from, to } of runs) {
      let end = Math.min(to, from + count - events);
      while (end > from && (batch.times[end - 1] as number) > toMs) end--;
      portion.add(
        batch.text,
        from === 0 ? 0 : (batch.ends[from - 1] as number),
        end === 0 ? 0 : (batch.ends[end - 1] as number),
      );
      events += end - from;
      if (portion.length >= PRINTED_BYTES) await flush();
      // Cut short: by the count, or since all that comes is later.
      if (events === count || end < to) {
        await flush();
        return { events, bytes: printed };
      }
    }
  }
  await flush();
  return { events, bytes: printed };
}

/** Lines of many batches put side by side. Each is copied once: a view for each run would cost more. */
class Portion {
  readonly #expected: number;
  #bytes: Buffer;
  length = 0;

  constructor(expected: number) {
    this.#expected = expected;
    this.#bytes = Buffer.allocUnsafeSlow(expected);
  }

  add(text: Uint8Array<ArrayBuffer>, from: number, to: number): void {
    const length = this.length + to - from;
    if (length > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.#bytes.length));
      this.#bytes.copy(larger, 0, 0, this.length);
      this.#bytes = larger;
    }
    Buffer.prototype.copy.call(text, this.#bytes, this.length, from, to);
    this.length = length;
  }

  /** What was added; it is nobody else's. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.length);
    this.#bytes = Buffer.allocUnsafeSlow(this.#expected);
    this.length = 0;
    return taken;
  }
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
