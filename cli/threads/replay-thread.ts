/** One thread of `roomlog replay`: reads its partitions and turns their events into lines, as many batches as were asked for. */
import type { Partition } from '../../core/ids.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import { openLogWith } from '../open-log.ts';
import { ReadableData } from '../readable-data.ts';
import { type LineBatch, lineBatches, lineBuffers, type ReplaySetting, replayOptions } from './line-batches.ts';
import { startedWith } from './start-thread.ts';
import { type Failure, failureOf } from './thread.ts';

/** Asks for a partition's next batch. Several may be asked for at once. */
export interface Ask {
  readonly partition: Partition;
  readonly range: OffsetRange;
  /** Of batches of any partition that are done. */
  readonly done: readonly ArrayBuffer[];
}

/** In the order of the asks. `batch`: null at the end. */
export type Told =
  | { readonly partition: Partition; readonly batch: Omit<LineBatch, 'done'> | null }
  | { readonly partition: Partition; readonly failed: Failure };

const { port, setting, schemas } = startedWith<ReplaySetting>();
const opened = openLogWith(setting.config, schemas);
// Told to whoever asks for something: a thread that ends by it would say less.
opened.catch(() => {});
const readable = new ReadableData(schemas);
const buffers = lineBuffers();
const sources = new Map<Partition, AsyncGenerator<LineBatch>>();

async function answer({ partition, range }: Ask): Promise<Told> {
  try {
    const { log, codec } = await opened;
    const source =
      sources.get(partition) ??
      lineBatches(replayOptions(setting, log, codec), setting.format, partition, range, readable, buffers);
    sources.set(partition, source);
    const { done, value } = await source.next();
    if (done === true) return { partition, batch: null };
    const { times, ends, text } = value;
    return { partition, batch: { times, ends, text } };
  } catch (thrown) {
    return { partition, failed: failureOf(thrown) };
  }
}

port.on('message', async (ask: Ask) => {
  for (const bytes of ask.done) buffers.giveBack(bytes);
  const told = await answer(ask);
  const handedOver =
    'batch' in told && told.batch !== null
      ? [told.batch.times.buffer, told.batch.ends.buffer, told.batch.text.buffer]
      : [];
  port.postMessage(told, handedOver);
});
