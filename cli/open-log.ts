/** The log for commands that read it without a gateway. Alone in its file: threads load it without all that parses configuration. */
import type { Registry } from '../adapters/registry/registry.ts';
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
  if (use === 'reads') {
    const schemas = openSchemas(config);
    return { ...(await openLogWith(config, schemas)), schemas };
  }
  const [log, schemas] = await Promise.all([openKafka(config), openRegistry(config)]);
  const { openCodec } = await import('../adapters/registry/open-codec.ts');
  const codec = await openCodec(config, silentLog, { signal: AbortSignal.abort(), registry: schemas });
  return { log, codec, schemas };
}

/** Schemas by id. The registry's client takes longer to load than Kafka's: only who asks for a schema waits for it. */
export function openSchemas(config: Config): SchemaStore {
  const opening = openRegistry(config);
  let registry: SchemaStore | null = null;
  opening.then(
    (opened) => {
      registry = opened;
    },
    // Told to whoever asks.
    () => {},
  );
  return {
    known: (id) => registry?.known(id),
    load: async (id) => (await opening).load(id),
  };
}

/** As `openLog`, with schemas that somebody else looks up. */
export async function openLogWith(config: Config, schemas: SchemaStore): Promise<{ log: EventLog; codec: Codec }> {
  const [log, { createCodec }] = await Promise.all([openKafka(config), import('../schemas/codec.ts')]);
  // Only reads: schemas come from the store by the ids that stand in the records.
  const codec = createCodec({
    inboundId: -1,
    outboundId: -1,
    deadLetterId: -1,
    snapshotId: -1,
    store: schemas,
  });
  return { log, codec };
}

async function openKafka(config: Config): Promise<EventLog> {
  const { openKafkaLog } = await import('../adapters/kafka/kafka-log.ts');
  return await openKafkaLog(config, { logger: silentLog, clientId: `${config.kafka.clientId}-cli` });
}

async function openRegistry(config: Config): Promise<Registry> {
  const { Registry } = await import('../adapters/registry/registry.ts');
  return new Registry(config.registry);
}
