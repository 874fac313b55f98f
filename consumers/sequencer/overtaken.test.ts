/** An owner behind whose claim another one stands by the time it has looked at what is left of before. */
import { expect, test } from 'vitest';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import { RoomlogError } from '../../core/errors.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import { sound, until } from '../../test/support/running-sequencers.ts';
import { p0, running } from '../../test/support/takeovers.ts';

const RECORDS = 10;

/** A log whose first look at `topic` waits until another owner has answered what is in inbound, and then ends as `end` has it. */
async function overtakenAt(stream: MemoryStream, topic: string, end: () => void): Promise<void> {
  const folded = Promise.withResolvers<void>();
  let overtaken = false;
  class SlowToLookLog extends MemoryLog {
    override async ranges(asked: string, partitions?: readonly Partition[]): Promise<Map<Partition, OffsetRange>> {
      if (asked === topic && !overtaken) {
        overtaken = true;
        stream.cluster.group(stream.groupId, stream.topics.inbound).evict('a', { tell: false });
        await running.start(stream, 'b');
        await folded.promise;
        end();
      }
      return super.ranges(asked, partitions);
    }
  }
  const errors: string[] = [];
  const logger = { ...silentLog, error: (_: object, message: string) => void errors.push(message) };
  const a = await running.start(stream, 'a', { log: new SlowToLookLog(stream.cluster, 'a'), logger });
  await until(() => expect(a.report().partitions[0]?.lastInbound).toBe(RECORDS - 1));
  folded.resolve();
  await until(() => expect(a.report().partitions[0]?.state).toMatch(/fenced|halted/));
  expect(errors).toEqual([]);
  expect(a.report().partitions[0]).toMatchObject({ state: 'fenced', error: null });
}

test('is fenced, not halted, where retention took what the other has answered', async () => {
  const stream = new MemoryStream();
  for (let n = 0; n < RECORDS; n++) stream.publish(inboundEvent());
  const { inbound } = stream.topics;
  await overtakenAt(stream, inbound, () => stream.cluster.trim(inbound, p0, RECORDS as Offset));
});

test('is fenced, not halted, where the dead letters can not be looked at just then', async () => {
  const stream = new MemoryStream();
  stream.write(p0, null, null);
  const before = await running.start(stream, 'before');
  await sound(stream);
  await before.stop();
  for (let n = 1; n < RECORDS; n++) stream.publish(inboundEvent());
  await overtakenAt(stream, stream.topics.deadletter, () => {
    throw new RoomlogError('kafka_unreachable');
  });
  await sound(stream);
});
