/**
 * Outbound records of events in this version's own schema, by hand: nearly all that stands in the log, and read by every gateway, by the sequencer
 * that wrote it, and by whoever replays or verifies. Claims, answers, skips and all that is rare in an event are left to the schema's own reader.
 */
import type { OutboundHead, OutboundRecord } from '../core/log/record.ts';
import { begin, copy, isPresent, isWhole, long, name, skipField, text, view } from './record-fields.ts';
import { HEADER_BYTES } from './wire.ts';

/** null where it takes more than this to read. `bytes`: whether `origin` and `data` are views of `record` or bytes of their own. */
export function readOutboundFast(record: Buffer, bytes: 'views' | 'copies'): OutboundRecord | null {
  const opaque = bytes === 'views' ? view : copy;
  begin(record, HEADER_BYTES);
  const epoch = long();
  const inbound = long();
  const prevInbound = long();
  const inboundTime = long();
  if (isPresent() || !isPresent()) return null;
  const event = {
    room: name(),
    seq: long(),
    time: long(),
    prev: long(),
    user: name(),
    session: isPresent() ? name() : null,
    pub: isPresent() ? long() : null,
    key: isPresent() ? text() : null,
    origin: isPresent() ? opaque() : null,
    event: name(),
    contentType: isPresent() ? name() : null,
    data: opaque(),
    expiresAt: isPresent() ? long() : null,
    traceparent: isPresent() ? text() : null,
  };
  if (isPresent() || isPresent() || !isWhole()) return null;
  const read = { epoch, inbound, prevInbound, inboundTime, claim: null, event, answer: null, skipped: null };
  return read as unknown as OutboundRecord;
}

/** As much of it as a fold looks at. Text that is gone past is not looked into, nor does the schema's own reader. */
export function readHeadFast(record: Buffer): OutboundHead | null {
  begin(record, HEADER_BYTES);
  const epoch = long();
  const inbound = long();
  const prevInbound = long();
  const inboundTime = long();
  if (isPresent() || !isPresent()) return null;
  const room = name();
  const seq = long();
  long();
  long();
  skipField();
  if (isPresent()) skipField();
  if (isPresent()) long();
  if (isPresent()) skipField();
  if (isPresent()) skipField();
  skipField();
  if (isPresent()) skipField();
  skipField();
  const expiresAt = isPresent() ? long() : null;
  if (isPresent()) skipField();
  if (isPresent() || isPresent() || !isWhole()) return null;
  const event = { room, seq, expiresAt };
  return { epoch, inbound, prevInbound, inboundTime, claim: null, event, skipped: null } as unknown as OutboundHead;
}
