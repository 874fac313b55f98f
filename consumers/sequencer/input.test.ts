import { expect, test } from 'vitest';
import { MemoryLog } from '../../adapters/memory/memory-log.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import type { OffsetRange } from '../../core/ports/event-log.ts';
import { inboundEvent, MemoryStream } from '../../test/support/memory-stream.ts';
import type { SequencerContext } from './context.ts';
import { findInput } from './input.ts';
import type { ReadBack } from './read-back.ts';
import type { Tenure } from './tenure.ts';

const p0 = 0 as Partition;

test('compares an inbound record with what outbound answered of that one, however far the fold has come since', async () => {
  let nowMs = 1_000;
  const stream = new MemoryStream({ clock: { now: () => nowMs++, monotonic: () => nowMs } });
  for (let n = 0; n < 3; n++) stream.publish(inboundEvent());
  const [first, second] = stream.cluster.records(stream.topics.inbound, p0);
  const folded = { partition: p0, lastInbound: 0 as Offset, lastInboundTime: first?.timestamp };
  class FoldedOnLog extends MemoryLog {
    override async ranges(topic: string, partitions?: readonly Partition[]): Promise<Map<Partition, OffsetRange>> {
      Object.assign(folded, { lastInbound: 1, lastInboundTime: second?.timestamp });
      return super.ranges(topic, partitions);
    }
  }
  const context = { log: new FoldedOnLog(stream.cluster, 'a'), topics: stream.topics } as unknown as SequencerContext;
  const next = await findInput(context, folded as unknown as ReadBack, { closing: false } as Tenure);
  expect(second?.timestamp).not.toBe(first?.timestamp);
  expect(next).toBe(1);
});
