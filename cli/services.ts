/** Kafka, the registry and Redis for commands that ask them directly: as configured, else those of the local stack. */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../core/config/schema.ts';
import type { EventLog } from '../core/ports/event-log.ts';
import { silentLog } from '../core/ports/logger.ts';
import type { Codec } from '../schemas/codec.ts';
import { readConfig } from './config.ts';
import type { GlobalOptions } from './globals.ts';
import { missingStack, readStack, type Stack } from './stack.ts';

/**
 * Without `--config`, the local stack's services stand where a file would: the environment and flags override them. Throws
 * `unavailable` where there is neither a stack nor any word on where Kafka is.
 */
export function readServicesConfig(
  command: Command,
  { stateDir }: GlobalOptions,
): { config: Config; stack: Stack | null } {
  const { config: given, kafkaBrokers } = command.opts<{ config?: string; kafkaBrokers?: string }>();
  const { ROOMLOG_CONFIG, ROOMLOG_KAFKA_BROKERS } = process.env;
  if (given !== undefined || ROOMLOG_CONFIG) return { config: readConfig(command), stack: null };
  const stack = readStack(stateDir);
  if (stack === null) {
    if (kafkaBrokers === undefined && !ROOMLOG_KAFKA_BROKERS)
      throw missingStack(stateDir, 'give --config or --kafka-brokers');
    return { config: readConfig(command), stack: null };
  }
  const content = {
    stream: { prefix: stack.prefix, partitions: stack.partitions },
    kafka: { brokers: stack.kafka.brokers },
    registry: { url: stack.registry.url },
    redis: { url: stack.redis.url },
  };
  return { config: readConfig(command, process.env, { path: join(stateDir, 'stack.json'), content }), stack };
}

/** The log and a codec that reads it; for who `writes`, also one that has the ids to write with. Throws `kafka_unreachable`. */
export async function openLog(
  config: Config,
  use: 'reads' | 'writes' = 'reads',
): Promise<{ log: EventLog; codec: Codec }> {
  const [{ openKafkaLog }, { Registry }, { createCodec }] = await Promise.all([
    import('../adapters/kafka/kafka-log.ts'),
    import('../adapters/registry/registry.ts'),
    import('../schemas/codec.ts'),
  ]);
  const log = await openKafkaLog(config, { logger: silentLog, clientId: `${config.kafka.clientId}-cli` });
  if (use === 'writes') {
    const { openCodec } = await import('../adapters/registry/open-codec.ts');
    return { log, codec: await openCodec(config, silentLog, { signal: AbortSignal.abort() }) };
  }
  // Only reads: schemas come from the registry by the ids that stand in the records.
  const codec = createCodec({
    inboundId: -1,
    outboundId: -1,
    deadLetterId: -1,
    snapshotId: -1,
    store: new Registry(config.registry),
  });
  return { log, codec };
}
