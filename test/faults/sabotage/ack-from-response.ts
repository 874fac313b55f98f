/** Loaded before every gateway (`node --import`): publishes are acked once inbound has taken them, not once the fold shows them. */
import { KafkaLog } from '../../../adapters/kafka/kafka-log.ts';
import type { AppendRecord } from '../../../core/ports/event-log.ts';
import { AppendBatcher } from '../../../gateway/publish/append-batcher.ts';
import { type PendingPublish, PendingPublishes } from '../../../gateway/publish/pending.ts';

const waiting = new Map<number, { publish: PendingPublish; pending: PendingPublishes }>();
const counters = new WeakMap<AppendRecord, number>();

const { add } = PendingPublishes.prototype;
PendingPublishes.prototype.add = function remembering(publish) {
  const counter = add.call(this, publish);
  waiting.set(counter, { publish, pending: this });
  return counter;
};

const { add: queue } = AppendBatcher.prototype;
AppendBatcher.prototype.add = function remembering(partition, record, counter) {
  counters.set(record, counter);
  queue.call(this, partition, record, counter);
};

const { append } = KafkaLog.prototype;
KafkaLog.prototype.append = async function acking(topic, batches) {
  const outcomes = await append.call(this, topic, batches);
  for (const { partition, status } of outcomes) {
    if (status !== 'appended') continue;
    const records = batches.find((batch) => batch.partition === partition)?.records ?? [];
    for (const record of records) {
      const counter = counters.get(record);
      const known = counter === undefined ? undefined : waiting.get(counter);
      if (counter === undefined || known === undefined) continue;
      waiting.delete(counter);
      if (!known.pending.has(counter)) continue;
      known.pending.withdraw(counter);
      known.publish.client.onAcked(known.publish, null, null, false);
    }
  }
  return outcomes;
};
