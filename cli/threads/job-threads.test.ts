import { expect, test } from 'vitest';
import { RoomlogError } from '../../core/errors.ts';
import type { Partition } from '../../core/ids.ts';
import { MemoryStream } from '../../test/support/memory-stream.ts';
import { onThreads } from './job-threads.ts';
import type { VerifyThreadSetting } from './verify-thread.ts';

test('a thread that could not open the log before there was work says why once there is', async () => {
  const { config } = new MemoryStream({ partitions: 1 });
  const kafka = { ...config.kafka, brokers: ['127.0.0.1:9'], requestTimeoutMs: 1 };
  const setting = { config: { ...config, kafka }, scope: {} } as VerifyThreadSetting;
  const verify = (jobs: Promise<readonly { partition: Partition }[]>) =>
    onThreads({
      script: 'verify-thread',
      setting,
      schemas: { known: () => undefined, load: () => Promise.reject(new RoomlogError('schema_not_found')) },
      jobs,
      threads: 1,
    });
  const work = [{ partition: 0 as Partition }];
  const later = Promise.withResolvers<typeof work>();
  const early = verify(later.promise).catch((thrown: unknown) => thrown);
  // Its own has failed by the time two others have, one after the other.
  for (const _ of ['beside it', 'after it']) {
    await expect(verify(Promise.resolve(work))).rejects.toMatchObject({ code: 'kafka_unreachable' });
  }
  later.resolve(work);
  // Of its kind: the exit code depends on it.
  expect(await early).toBeInstanceOf(RoomlogError);
  expect(await early).toMatchObject({ code: 'kafka_unreachable' });
});
