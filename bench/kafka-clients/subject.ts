/** The process under test of `scripts/bench kafka-clients`: one log on one client, which does what the job says and nothing else. */
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { Partition } from '../../core/ids.ts';
import type { LogRecord } from '../../core/ports/event-log.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { summarise } from '../support/latency.ts';
import { pace } from '../support/pace.ts';
import type { Job, Measured } from './job.ts';

const job = JSON.parse(process.argv[2] ?? '') as Job;
const TIME_BYTES = 8;
const SETTLE_MS = 20_000;
const POLL_MS = 5;

const importedAt = performance.now();
const config = configSchema.parse({ kafka: { client: job.client, brokers: [...job.brokers] } });
const log = await openKafkaLog(config, { logger: silentLog, clientId: 'bench' });
const openedMs = performance.now() - importedAt;

const partitions = Array.from({ length: job.partitions }, (_, index) => index as Partition);
const ranges = await log.ranges(job.topic);
const total = job.warmUp + job.records;

/** Reads from the start or the end of each partition. */
function tailFrom(from: 'start' | 'end', onRecords: (records: readonly LogRecord[]) => void) {
  const tail = log.tail({
    topic: job.topic,
    onRecords: (_, records) => onRecords(records),
    onError: (_, error) => {
      throw error;
    },
  });
  for (const [partition, range] of ranges) tail.assign(partition, range[from]);
  return tail;
}

/** Time and CPU from now until the returned function is called. */
function meter() {
  const startedAt = performance.now();
  const before = process.cpuUsage();
  return (records: number) => {
    const seconds = (performance.now() - startedAt) / 1_000;
    const { user, system } = process.cpuUsage(before);
    return {
      recordsPerSecond: records / seconds,
      cpuPerRecordUs: (user + system) / records,
      busy: (user + system) / 1e6 / seconds,
    };
  };
}
type Metered = ReturnType<ReturnType<typeof meter>>;

async function until(isDone: () => boolean): Promise<void> {
  const deadline = performance.now() + SETTLE_MS;
  while (!isDone()) {
    if (performance.now() > deadline) throw new Error('records are missing');
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function atRate(): Promise<Omit<Measured, 'openedMs' | 'rssBytes'>> {
  const acked: number[] = [];
  const delivered: number[] = [];
  let firstCounted = Number.POSITIVE_INFINITY;
  let received = 0;
  const tail = tailFrom('end', (records) => {
    const now = performance.now();
    for (const { value } of records) {
      received++;
      const due = value?.readDoubleBE(0) ?? Number.NaN;
      if (due >= firstCounted) delivered.push(now - due);
    }
  });
  let waiting = new Map<Partition, Array<{ key: null; value: Buffer }>>();
  let isUnderWay = false;
  // As the gateway does it: what becomes ready while a request is under way goes together with the next.
  const flush = async (): Promise<void> => {
    if (isUnderWay || waiting.size === 0) return;
    isUnderWay = true;
    const sent = waiting;
    waiting = new Map();
    const batches = [...sent].map(([partition, records]) => ({ partition, records }));
    for (const outcome of await log.append(job.topic, batches)) {
      if (outcome.status !== 'appended') throw outcome.error;
    }
    const now = performance.now();
    for (const records of sent.values()) {
      for (const { value } of records) {
        const due = value.readDoubleBE(0);
        if (due >= firstCounted) acked.push(now - due);
      }
    }
    isUnderWay = false;
    void flush();
  };
  let read = meter();
  await pace(job.perSecond, total, (index, due) => {
    if (index === job.warmUp) {
      firstCounted = due;
      read = meter();
    }
    const value = Buffer.alloc(job.recordBytes);
    value.writeDoubleBE(due, 0);
    const partition = partitions[index % partitions.length] as Partition;
    const records = waiting.get(partition);
    if (records) records.push({ key: null, value });
    else waiting.set(partition, [{ key: null, value }]);
    queueMicrotask(() => void flush());
  });
  const metered = read(job.records);
  await until(() => received >= total);
  await tail.stop();
  return { ...metered, acked: summarise(acked), delivered: summarise(delivered) };
}

async function reading(): Promise<Metered> {
  let received = 0;
  let read = meter();
  const done = Promise.withResolvers<Metered>();
  const tail = tailFrom('start', (records) => {
    const before = received;
    received += records.length;
    if (before < job.warmUp && received >= job.warmUp) read = meter();
    if (before < total && received >= total) done.resolve(read(total - job.warmUp));
  });
  const metered = await done.promise;
  await tail.stop();
  return metered;
}

async function appending(): Promise<Metered> {
  const perPartition = Math.ceil(job.recordsPerRequest / partitions.length);
  const value = Buffer.alloc(Math.max(TIME_BYTES, job.recordBytes), 'x');
  const batches = partitions.map((partition) => ({
    partition,
    records: Array.from({ length: perPartition }, () => ({ key: null, value })),
  }));
  const perRequest = perPartition * partitions.length;
  let read = meter();
  let counted = 0;
  for (let appended = 0; appended < total; appended += perRequest) {
    if (appended >= job.warmUp && counted === 0) read = meter();
    for (const outcome of await log.append(job.topic, batches)) {
      if (outcome.status !== 'appended') throw outcome.error;
    }
    if (appended >= job.warmUp) counted += perRequest;
  }
  return read(counted);
}

const works = { rate: atRate, read: reading, append: appending };
const measured = await works[job.work]();
const result: Measured = {
  ...{ acked: null, delivered: null },
  ...measured,
  openedMs,
  rssBytes: process.memoryUsage.rss(),
};
await log.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
