/**
 * The bare produce → consume → produce → consume loop, without any of Roomlog's guarantees: what a team would write in an
 * afternoon (`group`: kafkajs producers and consumer groups), or the best there is (`raw`: no group, all partitions in one request,
 * through Roomlog's own Kafka adapter). The process in the middle is a child (`bare-middle.ts`), as a sequencer would be.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Kafka, logLevel } from 'kafkajs';
import { partition } from '../../core/ids.ts';
import { summarise } from '../support/latency.ts';
import { openLog } from '../support/open-log.ts';
import { pace } from '../support/pace.ts';
import { intendedTimeIn, type LoadResult, type LoopJob, payload, readJob } from './messages.ts';

const SETTLE_MS = 15_000;

const job = readJob<LoopJob>();
const total = job.warmUpEvents + job.events;
const delivered: number[] = [];
let received = 0;
let firstMeasured = Number.POSITIVE_INFINITY;

const take = (value: Buffer | null) => {
  if (value === null) return;
  const intended = intendedTimeIn(value);
  received++;
  if (intended >= firstMeasured) delivered.push(performance.now() - intended);
};

/** The outer half of the loop: how events get in, and when reading has begun. */
interface Ends {
  send(index: number, value: Buffer): void;
  stop(): Promise<void>;
}

async function groupEnds(): Promise<Ends> {
  const kafka = new Kafka({ clientId: 'bare', brokers: [...job.brokers], logLevel: logLevel.ERROR });
  const producer = kafka.producer({ retry: { retries: 0 } });
  await producer.connect();
  const consumer = kafka.consumer({ groupId: `bare-out-${process.pid}`, maxWaitTimeInMs: 20 });
  await consumer.connect();
  await consumer.subscribe({ topic: job.to, fromBeginning: false });
  const joined = new Promise<void>((resolve) => consumer.on(consumer.events.GROUP_JOIN, () => resolve()));
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) take(message.value);
    },
  });
  await joined;
  let waiting: { partition: number; value: Buffer }[] = [];
  let inFlight = false;
  const flush = () => {
    if (inFlight || waiting.length === 0) return;
    inFlight = true;
    const messages = waiting;
    waiting = [];
    void producer.send({ topic: job.from, acks: -1, messages }).finally(() => {
      inFlight = false;
      flush();
    });
  };
  return {
    send(index, value) {
      waiting.push({ partition: index % job.partitions, value });
      // Events of one tick share a request, as Roomlog's gateway does it.
      queueMicrotask(flush);
    },
    async stop() {
      await Promise.all([consumer.disconnect(), producer.disconnect()]);
    },
  };
}

async function rawEnds(): Promise<Ends> {
  const log = await openLog(job.brokers);
  const ends = await log.ranges(job.to);
  const tail = log.tail({
    topic: job.to,
    onRecords: (_partition, records) => {
      for (const record of records) take(record.value);
    },
    onError: (_partition, error) => {
      throw error;
    },
  });
  for (const [number, range] of ends) tail.assign(number, range.end);
  const waiting = new Map<number, { key: null; value: Buffer }[]>();
  let inFlight = false;
  const flush = async () => {
    if (inFlight || waiting.size === 0) return;
    inFlight = true;
    const batches = [...waiting].map(([number, records]) => ({ partition: partition(number), records }));
    waiting.clear();
    for (const outcome of await log.append(job.from, batches)) {
      if (outcome.status !== 'appended') throw outcome.error;
    }
    inFlight = false;
    void flush();
  };
  return {
    send(index, value) {
      const records = waiting.get(index % job.partitions);
      if (records === undefined) waiting.set(index % job.partitions, [{ key: null, value }]);
      else records.push({ key: null, value });
      queueMicrotask(() => void flush());
    },
    async stop() {
      await tail.stop();
      await log.close();
    },
  };
}

const middle = fork(fileURLToPath(new URL('bare-middle.ts', import.meta.url)), [process.argv[2] ?? '']);
await new Promise((resolve) => middle.once('message', resolve));
const ends = job.loop === 'group' ? await groupEnds() : await rawEnds();

let cpuBefore = process.cpuUsage();
let measuredFrom = performance.now();
await pace(job.perSecond, total, (index, intended) => {
  if (index === job.warmUpEvents) {
    firstMeasured = intended;
    cpuBefore = process.cpuUsage();
    measuredFrom = performance.now();
    middle.send('measure');
  }
  ends.send(index, Buffer.from(payload(intended, job.payloadBytes)));
});
const cpu = process.cpuUsage(cpuBefore);
const loadCpu = (cpu.user + cpu.system) / 1000 / (performance.now() - measuredFrom);
const middleCpu = await new Promise<number>((resolve) => {
  middle.once('message', (share) => resolve(Number(share)));
  middle.send('measured');
});
const deadline = performance.now() + SETTLE_MS;
while (received < total && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
const result: LoadResult = { delivered: summarise(delivered), lost: total - received, loadCpu, middleCpu };
const gone = new Promise((resolve) => middle.once('exit', resolve));
middle.kill('SIGTERM');
await ends.stop();
await gone;
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
