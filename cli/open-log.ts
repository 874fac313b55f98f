/** The log for commands that read it without a gateway. Alone in its file: threads load it without all that parses configuration. */
import type { Config } from '../core/config/schema.ts';
import type { EventLog } from '../core/ports/event-log.ts';
import { silentLog } from '../core/ports/logger.ts';
import type { SchemaStore } from '../core/ports/schema-store.ts';
import type { Codec } from '../schemas/codec.ts';

/** The log, a codec that reads it, and the schemas that it knows; for who `writes`, also one that has the ids to write with. Throws `kafka_unreachable`. */
export async function openLog(
  config: Config,
  use: 'reads' | 'writes' = 'reads',
): Promise<{ log: EventLog; codec: Codec; schemas: SchemaStore }> {
  const [{ openKafkaLog }, { Registry }, { createCodec }] = await Promise.all([
    import('../adapters/kafka/kafka-log.ts'),
    import('../adapters/registry/registry.ts'),
    import('../schemas/codec.ts'),
  ]);
  const log = await openKafkaLog(config, { logger: silentLog, clientId: `${config.kafka.clientId}-cli` });
  const schemas = new Registry(config.registry);
  if (use === 'writes') {
    const { openCodec } = await import('../adapters/registry/open-codec.ts');
    const codec = await openCodec(config, silentLog, { signal: AbortSignal.abort(), registry: schemas });
    return { log, codec, schemas };
  }
  // Only reads: schemas come from the registry by the ids that stand in the records.
  const codec = createCodec({
    inboundId: -1,
    outboundId: -1,
    deadLetterId: -1,
    snapshotId: -1,
    store: schemas,
  });
  return { log, codec, schemas };
}
