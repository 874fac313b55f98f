/** Decodes outbound records; a schema that this process has not seen is looked up, and the partition waits meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import { asRoomlogError } from '../../core/errors.ts';
import type { OutboundHead, OutboundRecord } from '../../core/log/record.ts';
import type { LogSink } from '../../core/ports/logger.ts';
import type { Codec, UnknownSchema } from '../../schemas/codec.ts';

/** Pause between two look-ups of a schema, ms. */
const LOOK_UP_PAUSE_MS = 500;
/** A registry may lag behind its own writes: so many "not found" in a row are believed. */
const MAX_NOT_FOUND = 60;

/**
 * A record, or a promise of it where its schema has to be looked up; that one waits for the registry for as long as `isWanted`
 * says. Throws `corrupt_record`, and `schema_not_found` where the registry insists.
 */
export function decodeOutbound(
  codec: Codec,
  value: Buffer,
  logger: LogSink,
  isWanted: () => boolean,
): OutboundRecord | Promise<OutboundRecord> {
  return decode(codec, value, logger, isWanted, codec.decodeOutbound);
}

/** As `decodeOutbound`, but of an event only what a fold looks at. */
export function decodeOutboundHead(
  codec: Codec,
  value: Buffer,
  logger: LogSink,
  isWanted: () => boolean,
): OutboundHead | Promise<OutboundHead> {
  return decode(codec, value, logger, isWanted, codec.decodeOutboundHead);
}

function decode<T extends object>(
  codec: Codec,
  value: Buffer,
  logger: LogSink,
  isWanted: () => boolean,
  read: (value: Buffer) => T | UnknownSchema,
): T | Promise<T> {
  const decoded = read(value);
  if (!('unknownSchema' in decoded)) return decoded;
  return lookUp(codec, decoded.unknownSchema, logger, isWanted).then(() =>
    decode(codec, value, logger, isWanted, read),
  );
}

async function lookUp(codec: Codec, id: number, logger: LogSink, isWanted: () => boolean): Promise<void> {
  for (let notFound = 0; ; ) {
    try {
      await codec.ensureSchema(id);
      return;
    } catch (thrown) {
      const error = asRoomlogError(thrown, 'registry_unreachable');
      if (error.code === 'schema_not_found') notFound += 1;
      if (notFound > MAX_NOT_FOUND || !isWanted()) throw error;
      logger.warn({ err: error, schemaId: id }, 'waiting for a schema');
      await sleep(LOOK_UP_PAUSE_MS);
    }
  }
}
