/**
 * Has readers wait, but not for long, for the schema of an event's data as they wait for that of the record itself: so the first event of
 * a new schema version is JSON for JSON clients of every gateway. Where it does not come the event goes on as it is.
 */
import type { Codec } from '../../schemas/codec.ts';
import type { BoundEvents } from './bound-events.ts';

/** Ids waited for at once, over all partitions; more are not waited for. */
const MAX_WAITED_FOR = 256;

export function awaitSchemas(codec: Codec, bound: Pick<BoundEvents, 'missing' | 'load'>): Codec {
  const wanted = new Set<number>();
  return {
    ...codec,
    decodeOutbound: (record) => {
      const decoded = codec.decodeOutbound(record);
      if ('unknownSchema' in decoded || decoded.event === null || decoded.event.contentType === null) return decoded;
      const id = bound.missing(decoded.event);
      if (id === null || wanted.size >= MAX_WAITED_FOR) return decoded;
      wanted.add(id);
      return { unknownSchema: id };
    },
    ensureSchema: async (id) => {
      if (!wanted.has(id)) return await codec.ensureSchema(id);
      await bound.load(id);
      wanted.delete(id);
    },
  };
}
