/** The contract's harness on real brokers, given by address. */
import { Kafka, logLevel } from 'kafkajs';
import '../../adapters/kafka/kafkajs-timers.ts';
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { createMissing } from '../../adapters/kafka/topics.ts';
import { type Config, configSchema } from '../../core/config/schema.ts';
import { silentLog } from '../../core/ports/logger.ts';
import type { LogHarness } from './log-under-test.ts';

type Client = Config['kafka']['client'];

/** Each of them must pass all that has to do with Kafka. */
export const CLIENTS: readonly Client[] = ['kafkajs', 'platformatic'];

/** What the tests run on where they don't choose: `ROOMLOG_TEST_KAFKA_CLIENT`. */
export const TEST_CLIENT: Client = CLIENTS.find((name) => name === process.env.ROOMLOG_TEST_KAFKA_CLIENT) ?? 'kafkajs';

/** The default configuration with these brokers. */
export function kafkaConfig(brokers: readonly string[], kafka: Partial<Config['kafka']> = {}): Config {
  return configSchema.parse({ kafka: { client: TEST_CLIENT, ...kafka, brokers: [...brokers] } });
}

/** What the port can't do itself goes through kafkajs's own admin and producer. */
export async function makeKafkaHarness(brokers: readonly string[], client: Client): Promise<LogHarness> {
  const config = kafkaConfig(brokers, { client });
  const kafka = new Kafka({ brokers: [...brokers], clientId: 'contract-harness', logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  const producer = kafka.producer({ transactionalId: `contract-${process.pid}-${Date.now()}`, maxInFlightRequests: 1 });
  await producer.connect();
  return {
    rebalanceMs: 20_000,
    open: (clientId) => openKafkaLog(config, { clientId, logger: silentLog }),
    createTopic: async (topic, partitions) => {
      const configs = { 'message.timestamp.type': 'LogAppendTime', 'max.message.bytes': '1048576' };
      await createMissing(config.kafka, [{ topic, partitions, configs }], 1, silentLog);
    },
    trim: async (topic, partition, start) => {
      // Makes the admin learn who leads the topic.
      await admin.fetchTopicOffsets(topic);
      await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: `${start}` }] });
    },
    transaction: async (topic, partition) => {
      const transaction = await producer.transaction();
      return {
        write: async (...values) => {
          await transaction.send({ topic, messages: values.map((value) => ({ partition, value })) });
        },
        commit: () => transaction.commit(),
        abort: () => transaction.abort(),
      };
    },
    close: async () => {
      await Promise.all([admin.disconnect(), producer.disconnect()]);
    },
  };
}
