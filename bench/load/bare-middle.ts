/** The middle of a bare loop: consumes one topic and produces each record unchanged to the same partition of another. */
import { Kafka, logLevel } from 'kafkajs';
import type { Partition } from '../../core/ids.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { openLog } from '../support/open-log.ts';
import { type LoopJob, readJob } from './messages.ts';

const job = readJob<LoopJob>();

async function groupMiddle(): Promise<void> {
  const kafka = new Kafka({ clientId: 'bare-middle', brokers: [...job.brokers], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ retry: { retries: 0 } });
  await producer.connect();
  const consumer = kafka.consumer({ groupId: `bare-middle-${process.pid}`, maxWaitTimeInMs: 20 });
  await consumer.connect();
  await consumer.subscribe({ topic: job.from, fromBeginning: false });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      const messages = batch.messages.map(({ value }) => ({ partition: batch.partition, value }));
      await producer.send({ topic: job.to, acks: -1, messages });
    },
  });
  await joined;
}

async function rawMiddle(): Promise<void> {
  const log = await openLog(job.brokers);
  const waiting = new Map<Partition, Pick<LogRecord, 'key' | 'value'>[]>();
  let inFlight = false;
  const flush = async () => {
    if (inFlight || waiting.size === 0) return;
    inFlight = true;
    const batches = [...waiting].map(([partition, records]) => ({ partition, records }));
    waiting.clear();
    for (const outcome of await log.append(job.to, batches)) {
      if (outcome.status !== 'appended') throw outcome.error;
    }
    inFlight = false;
    void flush();
  };
  const tail = log.tail({
    topic: job.from,
    onRecords: (partition, records: readonly LogRecord[]) => {
      if (records.length === 0) return;
      const queued = waiting.get(partition) ?? [];
      for (const { key, value } of records) queued.push({ key, value });
      waiting.set(partition, queued);
      queueMicrotask(() => void flush());
    },
    onError: (_partition, error) => {
      throw error;
    },
  });
  for (const [partition, range] of await log.ranges(job.from)) tail.assign(partition, range.end);
}

let cpuBefore = process.cpuUsage();
let measuredFrom = performance.now();
process.on('message', (word) => {
  if (word === 'measure') {
    cpuBefore = process.cpuUsage();
    measuredFrom = performance.now();
    return;
  }
  const cpu = process.cpuUsage(cpuBefore);
  process.send?.((cpu.user + cpu.system) / 1000 / (performance.now() - measuredFrom));
});
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
await (job.loop === 'group' ? groupMiddle() : rawMiddle());
process.send?.('ready');
