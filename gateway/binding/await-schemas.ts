/**
 * Has readers wait, but not for long, for the schema of an event's data as they wait for that of the record itself: so the first event of
 * a new schema version is JSON for JSON clients of every gateway. Where it does not come the event goes on as it is.
 *
 * Ids of records' schemas are positive; the id of a payload's is given as its negative, so that the two waits are never taken for each
 * other: the first lasts as long as it takes, the second never fails.
 */
import type { Codec } from '../../schemas/codec.ts';
import type { BoundEvents } from './bound-events.ts';

export function awaitSchemas(codec: Codec, bound: Pick<BoundEvents, 'missing' | 'load'>): Codec {
  return {
    ...codec,
    decodeOutbound: (record) => {
      const decoded = codec.decodeOutbound(record);
      if ('unknownSchema' in decoded || decoded.event === null || decoded.event.contentType === null) return decoded;
      const id = bound.missing(decoded.event);
      return id === null ? decoded : { unknownSchema: -id };
    },
    ensureSchema: (id) => (id < 0 ? bound.load(-id) : codec.ensureSchema(id)),
  };
}
