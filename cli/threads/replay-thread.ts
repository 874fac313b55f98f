/** One thread of `roomlog replay`: reads its partitions, each one batch further than it was asked for, and turns their events into lines. */
import assert from 'node:assert/strict';
import { parentPort, workerData } from 'node:worker_threads';
import { readAhead } from '../../consumers/read-ahead.ts';
import type { Partition } from '../../core/ids.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import { openLog } from '../open-log.ts';
import { ReadableData } from '../readable-data.ts';
import { type LineBatch, lineBatches, type ReplaySetting, replayOptions } from './line-batches.ts';
import { type Failure, failureOf } from './thread.ts';

/** Asks for a partition's next batch. */
export interface Ask {
  readonly partition: Partition;
  readonly range: OffsetRange;
}

/** `batch`: null at the end. */
export type Told =
  | { readonly partition: Partition; readonly batch: LineBatch | null }
  | { readonly partition: Partition; readonly failed: Failure };

const port = parentPort;
assert(port !== null, 'it runs as a thread');
const setting = workerData as ReplaySetting;
const opened = openLog(setting.config);
const sources = new Map<Partition, AsyncGenerator<LineBatch>>();

async function answer({ partition, range }: Ask): Promise<Told> {
  try {
    const { log, codec, schemas } = await opened;
    const readable = new ReadableData(schemas);
    // The next batch is made while nobody has asked for it yet: else every partition waits for the printing thread in turn, and that for it.
    const source =
      sources.get(partition) ??
      readAhead(lineBatches(replayOptions(setting, log, codec), setting.format, partition, range, readable));
    sources.set(partition, source);
    const { done, value } = await source.next();
    return { partition, batch: done === true ? null : value };
  } catch (thrown) {
    return { partition, failed: failureOf(thrown) };
  }
}

port.on('message', async (ask: Ask) => {
  const told = await answer(ask);
  const handedOver =
    'batch' in told && told.batch !== null
      ? [told.batch.times.buffer, told.batch.ends.buffer, told.batch.text.buffer]
      : [];
  port.postMessage(told, handedOver);
});
