/**
 * Loaded before a gateway or a sequencer (preload.mjs) by `bench/publish-trace.ts`: notes on the machine's clock when each event of the bench
 * passes a station of the Kafka adapter, and how many requests of each kind were sent. On SIGUSR2 all of it goes to a file in
 * ROOMLOG_TEST_TRACE_DIR, and a CPU profile to ROOMLOG_TEST_TRACE_PROFILES where that is set. Nothing of it is in the programs themselves.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connections } from '../../adapters/kafka/connection.ts';
import { KafkaLog } from '../../adapters/kafka/kafka-log.ts';
import type { AppendRecord, LogRecord } from '../../core/ports/event-log.ts';
import { AppendBatcher } from '../../gateway/publish/append-batcher.ts';
import { machineNow } from '../support/machine-clock.ts';
import { markIn } from './mark.ts';
import { Profile } from './profile.ts';

const profile = process.env.ROOMLOG_TEST_TRACE_PROFILES === undefined ? null : new Profile();
const dir = process.env.ROOMLOG_TEST_TRACE_DIR;
const role = ['gateway', 'sequencer'].find((name) => process.argv.includes(name));

/** By station, then by mark. */
const stations: Record<string, Record<string, number>> = {};
/** Requests by API: how many, and the times they took in all, ms. */
const requests: Record<string, { count: number; ms: number }> = {};

function note(station: string, records: readonly (AppendRecord | LogRecord)[]): void {
  const now = machineNow();
  profile?.begin();
  stations[station] ??= {};
  const times = stations[station];
  for (const { value } of records) {
    const mark = value === null ? null : markIn(value);
    if (mark !== null) times[mark] ??= now;
  }
}

if (dir !== undefined && role !== undefined) {
  const topicOf = (topic: string) => topic.slice(topic.lastIndexOf('.') + 1);
  const { append, tail } = KafkaLog.prototype;
  KafkaLog.prototype.append = async function noted(topic, batches) {
    for (const { records } of batches) note(`${role} append ${topicOf(topic)}`, records);
    const outcomes = await append.call(this, topic, batches);
    for (const { records } of batches) note(`${role} appended ${topicOf(topic)}`, records);
    return outcomes;
  };
  KafkaLog.prototype.tail = function noted(options) {
    const onRecords: typeof options.onRecords = (partition, records, progress) => {
      note(`${role} reads ${topicOf(options.topic)}`, records);
      return options.onRecords(partition, records, progress);
    };
    return tail.call(this, { ...options, onRecords });
  };
  const { add } = AppendBatcher.prototype;
  AppendBatcher.prototype.add = function noted(partition, record, counter) {
    note(`${role} has the publish`, [record]);
    add.call(this, partition, record, counter);
  };
  const { sendLate } = Connections.prototype;
  Connections.prototype.sendLate = async function counted(address, make, api) {
    const from = performance.now();
    try {
      return (await sendLate.call(this, address, make, api)) as never;
    } finally {
      requests[api] ??= { count: 0, ms: 0 };
      requests[api].count++;
      requests[api].ms += performance.now() - from;
    }
  };
  process.on('SIGUSR2', () => {
    const file = join(dir, `${role}-${process.pid}.json`);
    profile?.end(join(process.env.ROOMLOG_TEST_TRACE_PROFILES ?? '', `${role}-${process.pid}.cpuprofile`));
    writeFileSync(file, JSON.stringify({ role, stations, requests }));
  });
}
