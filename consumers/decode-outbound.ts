/** Decoding outbound records, with patience for schemas that this process has not seen yet. */
import type { OutboundRecord } from '../core/log/record.ts';
import type { LogSink } from '../core/ports/logger.ts';
import type { Codec, UnknownSchema } from '../schemas/codec.ts';
import { patiently } from './patience.ts';

const EMPTY = Buffer.alloc(0);

/** Whether a decoder said that it does not know the schema yet. */
export function isUnknownSchema(decoded: object): decoded is UnknownSchema {
  return 'unknownSchema' in decoded;
}

/**
 * Decodes, waiting for the registry as long as `goOn` holds: an outbound record is ours, so its schema exists, and to skip it
 * would be to misread the log. Throws `corrupt_record`; also `schema_not_found` and `registry_unreachable` once `goOn` is false.
 */
export function decodeOutbound(
  codec: Codec,
  value: Buffer | null,
  goOn: () => boolean,
  logger: LogSink,
): OutboundRecord | Promise<OutboundRecord> {
  const decoded = codec.viewOutbound(value ?? EMPTY);
  if (!isUnknownSchema(decoded)) return decoded;
  return waitForSchema(codec, value ?? EMPTY, decoded.unknownSchema, goOn, logger);
}

async function waitForSchema(
  codec: Codec,
  value: Buffer,
  id: number,
  goOn: () => boolean,
  logger: LogSink,
): Promise<OutboundRecord> {
  return patiently(
    async () => {
      await codec.ensureSchema(id);
      const decoded = codec.viewOutbound(value);
      if (isUnknownSchema(decoded)) throw new Error(`schema ${id} was looked up and is still unknown`);
      return decoded;
    },
    {
      goOn,
      worthRetrying: (error) => error.code !== 'corrupt_record',
      onRetry: (error, attempt) =>
        logger.warn({ schema: id, code: error.code, attempt }, 'waiting for the schema of an outbound record'),
    },
  );
}
