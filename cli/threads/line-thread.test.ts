import { expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { MemoryStream } from '../../test/support/memory-stream.ts';
import { LineThread } from './line-thread.ts';

const RANGE = { start: 0 as Offset, end: 1 as Offset };

test('a thread that could not open the log before it was asked for anything says why once it is', async () => {
  const { config } = new MemoryStream({ partitions: 1 });
  const kafka = { ...config.kafka, brokers: ['127.0.0.1:9'], requestTimeoutMs: 1 };
  const setting = { config: { ...config, kafka }, room: null, pattern: undefined, from: { kind: 'start' } } as const;
  const schemas = { known: () => undefined, load: () => Promise.reject(new RoomlogError('schema_not_found')) };
  const started: LineThread[] = [];
  const start = (): LineThread => {
    const thread = new LineThread({ ...setting, format: 'json' }, schemas);
    started.push(thread);
    return thread;
  };
  const firstLines = (thread: LineThread): Promise<unknown> =>
    thread
      .batches(0 as Partition, RANGE)
      [Symbol.asyncIterator]()
      .next();
  try {
    const early = start();
    // Its own has failed by the time two others have, one after the other.
    for (const _ of ['beside it', 'after it']) {
      await expect(firstLines(start())).rejects.toMatchObject({ code: 'kafka_unreachable' });
    }
    const failed = firstLines(early).catch((thrown: unknown) => thrown);
    // Of its kind: the exit code depends on it.
    expect(await failed).toBeInstanceOf(RoomlogError);
    expect(await failed).toMatchObject({ code: 'kafka_unreachable' });
  } finally {
    await Promise.all(started.map((thread) => thread.end()));
  }
});
