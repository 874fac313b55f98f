/** `roomlog replay`: partitions read side by side, their lines merged by time and printed. */
import { readAhead } from '../../consumers/read-ahead.ts';
import { mergeByTime } from '../../consumers/replay/merge.ts';
import { replayedRanges } from '../../consumers/replay/replay.ts';
import { grownTo } from '../../core/grown-buffer.ts';
import type { EventLog } from '../../core/ports/event-log.ts';
import type { SchemaStore } from '../../core/ports/schema-store.ts';
import type { Codec } from '../../schemas/codec.ts';
import { ReadableData } from '../readable-data.ts';
import { type LineBatch, lineBatches, lineBuffers, type ReplaySetting, replayOptions } from './line-batches.ts';
import type { LineThread } from './line-thread.ts';

export interface ReplayOnThreads {
  readonly setting: ReplaySetting;
  /** Those that read; a single partition, and all where there are none, are read by the caller's. */
  readonly threads: readonly LineThread[];
  readonly log: EventLog;
  readonly codec: Codec;
  /** What data in Avro is made readable with. */
  readonly schemas: SchemaStore;
  /** Later events are left out. */
  readonly toMs: number;
  /** Ends after so many. */
  readonly count: number;
  /** Resolves once it has been written: the bytes are used again. */
  readonly print: (lines: Uint8Array) => Promise<void>;
}

/** Lines are printed in portions of about so many bytes. */
const PRINTED_BYTES = 131_072;
/** Of each partition: enough that its thread makes the next one while others of its partitions are in turn. */
const BATCHES_AHEAD = 3;

export interface Printed {
  readonly events: number;
  readonly bytes: number;
}

/** Throws what `replay` throws. */
export async function replayOnThreads(replay: ReplayOnThreads): Promise<Printed> {
  const { setting, log, codec, schemas } = replay;
  const options = replayOptions(setting, log, codec);
  const ranges = await replayedRanges(options);
  const { threads } = replay;
  if (threads.length === 0 || ranges.size === 1) {
    const readable = new ReadableData(schemas);
    const buffers = lineBuffers();
    return await printMerged(
      [...ranges].map(([partition, range]) =>
        lineBatches(options, setting.format, partition, range, readable, buffers),
      ),
      replay,
    );
  }
  const sources = [...ranges].map(([partition, range], index) =>
    readAhead((threads[index % threads.length] as LineThread).batches(partition, range), BATCHES_AHEAD),
  );
  return await printMerged(sources, replay);
}

async function printMerged(
  sources: ReadonlyArray<AsyncIterable<LineBatch>>,
  { toMs, count, print }: ReplayOnThreads,
): Promise<Printed> {
  let events = 0;
  const printer = new Printer(print);
  for await (const runs of mergeByTime(sources)) {
    for (const { batch, from, to } of runs) {
      let end = Math.min(to, from + count - events);
      while (end > from && (batch.times[end - 1] as number) > toMs) end--;
      const textAt = from === 0 ? 0 : (batch.ends[from - 1] as number);
      const textEnd = end === 0 ? 0 : (batch.ends[end - 1] as number);
      printer.add(batch.text, textAt, textEnd);
      if (to === batch.times.length) batch.done();
      if (printer.isFull) await printer.flush();
      events += end - from;
      // Cut short: by the count, or since all that comes is later.
      if (events === count || end < to) {
        await printer.flush();
        return { events, bytes: printer.printed };
      }
    }
  }
  await printer.flush();
  return { events, bytes: printer.printed };
}

/** Lines of many batches put side by side, in one buffer that is used again and again. Each is copied once: a view for each run would cost more. */
class Printer {
  readonly #print: (lines: Uint8Array) => Promise<void>;
  #bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(2 * PRINTED_BYTES);
  #length = 0;
  printed = 0;

  constructor(print: (lines: Uint8Array) => Promise<void>) {
    this.#print = print;
  }

  get isFull(): boolean {
    return this.#length >= PRINTED_BYTES;
  }

  add(text: Uint8Array<ArrayBuffer>, from: number, to: number): void {
    const length = this.#length + to - from;
    this.#bytes = grownTo(this.#bytes, this.#length, length);
    Buffer.prototype.copy.call(text, this.#bytes, this.#length, from, to);
    this.#length = length;
  }

  async flush(): Promise<void> {
    if (this.#length === 0) return;
    await this.#print(this.#bytes.subarray(0, this.#length));
    this.printed += this.#length;
    this.#length = 0;
  }
}
