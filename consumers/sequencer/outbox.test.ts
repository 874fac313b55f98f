import { expect, test } from 'vitest';
import { MemoryCluster, MemoryLog } from '../../adapters/memory/memory-log.ts';
import type { Partition } from '../../core/ids.ts';
import type { AppendBatch, AppendOutcome } from '../../core/ports/event-log.ts';
import { Outbox } from './outbox.ts';

const p = (number: number) => number as Partition;
const record = (text: string) => ({ key: null, value: Buffer.from(text) });

class WatchedLog extends MemoryLog {
  readonly requests: number[][] = [];
  override append(topic: string, batches: readonly AppendBatch[]): Promise<AppendOutcome[]> {
    this.requests.push(batches.map(({ partition }) => partition));
    return super.append(topic, batches);
  }
}

function newOutbox() {
  const cluster = new MemoryCluster({ topics: ['t'], partitions: 3 });
  const log = new WatchedLog(cluster, 'a');
  return { cluster, log, outbox: new Outbox(log, 't') };
}

test('small batches that become ready together share a request, a large one travels alone', async () => {
  const { log, outbox } = newOutbox();
  const outcomes = await Promise.all([
    outbox.append({ partition: p(0), records: [record('a')] }, 1),
    outbox.append({ partition: p(1), records: [record('b')] }, 1),
    outbox.append({ partition: p(2), records: [record('c')] }, 65_537),
  ]);
  expect(outcomes.map(({ partition, status }) => `${partition} ${status}`)).toEqual([
    '0 appended',
    '1 appended',
    '2 appended',
  ]);
  expect(log.requests).toEqual([[2], [0, 1]]);
});

test('each partition is told its own outcome', async () => {
  const { cluster, outbox } = newOutbox();
  cluster.onAppend = ({ batch }) => (batch.partition === 0 ? 'request_lost' : undefined);
  const outcomes = await Promise.all([
    outbox.append({ partition: p(0), records: [record('a')] }, 1),
    outbox.append({ partition: p(1), records: [record('b')] }, 1),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(['unknown', 'appended']);
});

test('no request holds a partition twice: a broker would take one of the two and answer for both', async () => {
  const { cluster, log, outbox } = newOutbox();
  const outcomes = await Promise.all([
    outbox.append({ partition: p(0), records: [record('a retry')] }, 1),
    outbox.append({ partition: p(0), records: [record('what follows')] }, 1),
  ]);
  for (const request of log.requests) expect(new Set(request).size).toBe(request.length);
  expect(outcomes.map(({ status }) => status)).toEqual(['not_appended', 'appended']);
  expect(cluster.records('t', p(0)).map(({ value }) => `${value}`)).toEqual(['what follows']);
});
