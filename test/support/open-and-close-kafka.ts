/** Uses every part of a Kafka log, closes it, and must then end by itself. Arguments: a client library, a broker, a topic. */
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import type { Offset, Partition } from '../../core/ids.ts';
import { silentLog } from '../../core/ports/logger.ts';
import { CLIENTS, kafkaConfig } from '../contract/kafka-harness.ts';

const IN_TIME_MS = 1_000;
const [name, broker = '', topic = ''] = process.argv.slice(2);
const client = CLIENTS.find((one) => one === name) ?? 'kafkajs';
const p0 = 0 as Partition;
const start = 0 as Offset;

const log = await openKafkaLog(kafkaConfig([broker], { client }), { logger: silentLog });
const joined = Promise.withResolvers<void>();
const read = Promise.withResolvers<void>();
await log.joinGroup({
  groupId: 'open-and-close',
  topic,
  sessionTimeoutMs: 6_000,
  heartbeatIntervalMs: 100,
  rebalanceTimeoutMs: 6_000,
  onAssignment: () => joined.resolve(),
  onError: joined.reject,
});
const tail = log.tail({
  topic,
  onRecords: (_, records) => {
    if (records.length > 0) read.resolve();
  },
  onError: (_, error) => read.reject(error),
});
tail.assign(p0, start);
await log.append(topic, [{ partition: p0, records: [{ key: null, value: Buffer.from('a') }] }]);
for await (const _ of log.readRange({ topic, partition: p0, from: start, to: 1 as Offset }));
await Promise.all([joined.promise, read.promise]);
await log.close();
console.log('closed');
const closedAt = performance.now();
process.on('exit', () => console.log(performance.now() - closedAt < IN_TIME_MS ? 'exit in time' : 'exit late'));
