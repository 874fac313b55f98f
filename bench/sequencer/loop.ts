/**
 * What a sequencer is measured against: consume → produce → read back, every record unchanged to the same partition, without any of
 * Roomlog's guarantees. `raw` is the best loop there is (no group, one request for all partitions, through Roomlog's own Kafka adapter),
 * `group` what one writes with kafkajs. Says `ready`, then works until it is stopped.
 */
import { Kafka, logLevel } from 'kafkajs';
import type { Offset, Partition } from '../../core/ids.ts';
import { openLog } from '../support/open-log.ts';

export interface LoopJob {
  readonly loop: 'group' | 'raw';
  readonly brokers: readonly string[];
  readonly partitions: number;
  readonly from: string;
  readonly to: string;
}

/** What the sequencer asks for with one fetch too. */
const FETCH_BYTES = 524_288;
/** Bytes read and not produced yet, above which a partition is not fetched: as the sequencer's queue. */
const QUEUE_BYTES = 524_288;

const job = JSON.parse(process.argv[2] ?? '{}') as LoopJob;

async function group(): Promise<void> {
  const kafka = new Kafka({ clientId: 'bare', brokers: [...job.brokers], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ retry: { retries: 0 } });
  await producer.connect();
  const consume = async (topic: string, each: (partition: number, values: (Buffer | null)[]) => Promise<void>) => {
    const consumer = kafka.consumer({ groupId: `bare-${topic}-${process.pid}`, maxWaitTimeInMs: 20 });
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: job.partitions,
      eachBatch: async ({ batch }) =>
        each(
          batch.partition,
          batch.messages.map(({ value }) => value),
        ),
    });
  };
  await consume(job.to, async () => {});
  await consume(job.from, async (partition, values) => {
    const messages = values.map((value) => ({ partition, value }));
    await producer.send({ topic: job.to, acks: -1, messages });
  });
}

async function raw(): Promise<void> {
  const log = await openLog(job.brokers);
  const lanes = Array.from({ length: job.partitions }, (_, partition) => ({
    partition: partition as Partition,
    records: [] as { key: Buffer | null; value: Buffer | null }[],
    bytes: 0,
    drained: null as PromiseWithResolvers<void> | null,
  }));
  let inFlight = false;
  const flush = async () => {
    if (inFlight) return;
    const batches = [];
    for (const lane of lanes) {
      if (lane.records.length === 0) continue;
      batches.push({ partition: lane.partition, records: lane.records });
      lane.records = [];
      lane.bytes = 0;
      lane.drained?.resolve();
      lane.drained = null;
    }
    if (batches.length === 0) return;
    inFlight = true;
    for (const outcome of await log.append(job.to, batches)) {
      if (outcome.status !== 'appended') throw outcome.error;
    }
    inFlight = false;
    void flush();
  };
  const onError = (_: Partition, error: Error) => {
    throw error;
  };
  const inbound = log.tail({
    topic: job.from,
    maxPartitionBytes: FETCH_BYTES,
    onRecords: (partition, records) => {
      const lane = lanes[partition];
      if (lane === undefined || records.length === 0) return;
      for (const { key, value } of records) {
        lane.records.push({ key, value });
        lane.bytes += value?.length ?? 0;
      }
      queueMicrotask(() => void flush());
      if (lane.bytes <= QUEUE_BYTES) return;
      lane.drained ??= Promise.withResolvers<void>();
      return lane.drained.promise;
    },
    onError,
  });
  const outbound = log.tail({ topic: job.to, maxPartitionBytes: FETCH_BYTES, onRecords: () => {}, onError });
  for (const { partition } of lanes) {
    outbound.assign(partition, 0 as Offset);
    inbound.assign(partition, 0 as Offset);
  }
}

process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
await (job.loop === 'group' ? group() : raw());
process.send?.('ready');
