/** Roomlog's Kafka adapter with default settings, for loops without the rest. */
import { openKafkaLog } from '../../adapters/kafka/kafka-log.ts';
import { createLogger } from '../../adapters/telemetry/log.ts';
import { configSchema } from '../../core/config/schema.ts';
import type { EventLog } from '../../core/ports/event-log.ts';

export function openLog(brokers: readonly string[]): Promise<EventLog> {
  const config = configSchema.parse({ kafka: { brokers: [...brokers] }, log: { level: 'warn' } });
  return openKafkaLog(config, { clientId: 'bench', logger: createLogger(config, { name: 'bench' }) });
}
