/** Where Kafka, the registry and Redis are for commands that ask them directly: as configured, else those of the local stack. */
import { join } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../core/config/schema.ts';
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
