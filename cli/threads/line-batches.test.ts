/** Where the lines of a partition are cut into batches; what they say is seen in replay-on-threads.test.ts. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { replayedRanges } from '../../consumers/replay/replay.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import type { EventLog, OffsetRange, RangeOptions } from '../../core/ports/event-log.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import { RunningSequencers, sound } from '../../test/support/running-sequencers.ts';
import { ReadableData } from '../readable-data.ts';
import { type LineBatch, lineBatches, lineBuffers, type ReplaySetting, replayOptions } from './line-batches.ts';

const EVENTS = 30;
const DATA_BYTES = 60_000;
const schemas = { known: () => undefined, load: () => Promise.reject(new RoomlogError('schema_not_found')) };
const running = new RunningSequencers();
let stream: MemoryStream;
let log: EventLog;

beforeAll(async () => {
  let now = 1_800_000_000_000;
  const clock = { now: () => ++now, monotonic: () => performance.now() };
  stream = new MemoryStream({ partitions: 1, clock, sequencer: { batchBytes: 100_000 } });
  await running.start(stream, 'a');
  const data = Buffer.from(JSON.stringify('x'.repeat(DATA_BYTES)));
  for (let n = 0; n < EVENTS; n++) stream.publish(inboundEvent({ room: 'room', data }));
  await sound(stream);
  log = stream.cluster.open('replay');
});
afterAll(() => running.stopAll());

async function batches(from: EventLog, each: (batch: LineBatch) => void, pattern = '**'): Promise<void> {
  const { codec, config } = stream;
  const setting: ReplaySetting = { config, room: null, pattern, from: { kind: 'start' }, format: 'json' };
  const options = replayOptions(setting, from, codec);
  const partition = 0 as Partition;
  const range = (await replayedRanges(options)).get(partition) as OffsetRange;
  const readable = new ReadableData(schemas);
  for await (const batch of lineBatches(options, 'json', partition, range, readable, lineBuffers())) each(batch);
}

/** The same log a record at a time; fails before the record at `end`. */
function slowly(end = Number.POSITIVE_INFINITY): EventLog {
  return Object.assign(Object.create(log) as EventLog, {
    partitionCount: (topic: string) => log.partitionCount(topic),
    ranges: (topic: string) => log.ranges(topic),
    async *readRange(options: RangeOptions) {
      for await (const records of log.readRange(options)) {
        for (const record of records) {
          if (record.offset >= end) throw new RoomlogError('offset_out_of_range', 'deleted');
          yield [record];
        }
      }
    },
  });
}

test('a batch is about half a megabyte of lines, and knows where each ends', async () => {
  const found: LineBatch[] = [];
  await batches(slowly(), (batch) => found.push(batch));
  expect(found.length).toBeGreaterThan(1);
  let events = 0;
  for (const { times, ends, text } of found) {
    expect(text.length).toBe(ends.at(-1) ?? 0);
    expect(text.length).toBeLessThan(524_288 + 2 * DATA_BYTES);
    for (const end of ends) expect(text[end - 1]).toBe(0x0a);
    expect(times).toHaveLength(ends.length);
    events += times.length;
  }
  expect(events).toBe(EVENTS);
});

test('lines are written again where others were read, and nowhere else', async () => {
  const buffers = async (isDone: boolean) => {
    const found = new Set<ArrayBuffer>();
    let batchCount = 0;
    await batches(slowly(), (batch) => {
      batchCount += 1;
      found.add(batch.text.buffer);
      if (isDone) batch.done();
    });
    return { batchCount, buffers: found.size };
  };
  const kept = await buffers(false);
  expect(kept.buffers).toBe(kept.batchCount);
  expect(await buffers(true)).toEqual({ batchCount: kept.batchCount, buffers: 2 });
});

test('a batch ends after a while where few events are wanted', async () => {
  const lines: number[] = [];
  const handOver = ({ times, ends, text }: LineBatch) => {
    lines.push(times.length);
    // As a thread does with it.
    structuredClone({ times, ends, text }, { transfer: [times.buffer, ends.buffer, text.buffer] });
  };
  await batches(slowly(), handOver, 'none/**');
  expect(lines).toEqual([0, 0, 0]);
});

test('what was read before a failure is handed over before it', async () => {
  let events = 0;
  const reading = batches(slowly(12), ({ times }) => {
    events += times.length;
  });
  await expect(reading).rejects.toMatchObject({ code: 'offset_out_of_range' });
  // The first two records are claims: one without the stream's id, one with it.
  expect(events).toBe(10);
});
